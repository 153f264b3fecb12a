// gk_gemm_amx_tiles -- loads the tile configuration of the AMX kernels, or gives the tile state back.         AMX-TILE
//
//   void gk_gemm_amx_tiles(size_t on);
//
//   rdi  on   not 0: eight tiles of 16 rows of 64 bytes; their contents become zero
//             0: tiles back in their initial state, which the system need not save
//
//   Between the two calls a thread owns the tiles; nothing else here touches them.

#include "../gk_asm.h"
#ifdef __x86_64__

GK_FUNC gk_gemm_amx_tiles, 1
    test    rdi, rdi
    jz      L(release)
    ldtilecfg [rip + L(eight_tiles)]
    GK_LEAVE
L(release):
    tilerelease
    GK_LEAVE
GK_ENDFUNC gk_gemm_amx_tiles

    .balign 64
L(eight_tiles):
    .byte   1, 0                    // palette, start row
    .zero   14
    .rept   8
    .short  64                      // bytes per row
    .endr
    .zero   16
    .rept   8
    .byte   16                      // rows
    .endr
    .zero   8

#endif
