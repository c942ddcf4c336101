/*
 * test_edges.c calls edges.wat by the names that wasm2c 1.0.32 gives. With EDGES_NEW it is compiled against the C of
 * 1.0.39, whose names these are.
 */
#define Z_edges_instance_t w2c_edges
#define Z_edges_instantiate wasm2c_edges_instantiate
#define Z_edges_free wasm2c_edges_free
#define Z_edgesZ_small w2c_edges_small
#define Z_edgesZ_open w2c_edges_open
#define Z_edgesZ_size w2c_edges_size
#define Z_edgesZ_grow w2c_edges_grow
#define Z_edgesZ_open_size w2c_edges_open_size
#define Z_edgesZ_open_grow w2c_edges_open_grow
#define Z_edgesZ_load8 w2c_edges_load8
#define Z_edgesZ_load32 w2c_edges_load32
#define Z_edgesZ_load64 w2c_edges_load64
#define Z_edgesZ_store8 w2c_edges_store8
#define Z_edgesZ_store64 w2c_edges_store64
#define Z_edgesZ_open_load8 w2c_edges_open_load8
#define Z_edgesZ_open_store8 w2c_edges_open_store8
#define Z_edgesZ_far_load8 w2c_edges_far_load8
#define Z_edgesZ_far_load64 w2c_edges_far_load64
#define Z_edgesZ_far_store64 w2c_edges_far_store64
#define Z_edgesZ_page_load8 w2c_edges_page_load8
#define Z_edgesZ_fill w2c_edges_fill
#define Z_edgesZ_copy w2c_edges_copy
#define Z_edgesZ_init w2c_edges_init
#define Z_edgesZ_count_set w2c_edges_count_set
