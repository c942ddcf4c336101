module wazerohost

go 1.25.0

require (
	github.com/tetratelabs/wazero v1.12.0
	wasmmemory v0.0.0
	wasmmemory/wazero v0.0.0
)

require golang.org/x/sys v0.44.0 // indirect

replace (
	wasmmemory => ../../../../bindings/go
	wasmmemory/wazero => ../../../../bindings/go/wazero
)
