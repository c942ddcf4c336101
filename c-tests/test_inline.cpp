// The same test as C++17: the header is for both, and overloads, casts and initialisers differ.
#include "test_inline.c"
