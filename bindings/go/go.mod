module wasmmemory

go 1.22
