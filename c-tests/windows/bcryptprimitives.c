/* bcryptprimitives.dll for a Wine that has none (before 9.0): Rust's standard library takes the seeds of its hash maps
   from it. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length); /* of advapi32, known as RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length);

BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) {
    const ULONG most = 1 << 20;
    while (length != 0) {
        const ULONG part = length < most ? (ULONG)length : most;
        if (!SystemFunction036(buffer, part)) return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
