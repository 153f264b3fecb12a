// gk_gemm_amx_bf16x2x1_32x32 -- C[32][32] = A B on packed panels: A in two bf16 terms, B in one.       AMX-TILE, AMX-BF16
//
//   void gk_gemm_amx_bf16x2x1_32x32(size_t steps, const uint16_t* a, const uint16_t* b,
//                                   float* t, size_t accumulate, const void* ahead);
//
//   rdi  steps   depth / 32, 0 allowed        A panel: per step hi and lo, each two tiles: rows 0-15, 16-31
//   rsi  a       advances 4 KiB per step      B panel: per step two tiles: columns 0-15, 16-31
//   rdx  b       advances 2 KiB per step      Row r of an A tile holds pairs (k = j, 16+j) of row r of A, j = 0..15;
//   rcx  t       [32][32]                     row j of a B tile the pair (k = j, 16+j) of each column
//   r8   accumulate  0: t is written and not read. Else t += A B
//   r9   ahead   {row, stride, panel}: what each step prefetches, 128 bytes of two rows and 512 of the next panel of A
//   r10, r11     row and stride               rax  bytes between rows: 128 of t, 64 of a panel tile
//
//               b[0..15]  b[16..31]
//               tmm6      tmm7
//   a[0..15]   tmm4  tmm0      tmm1          four accumulators hide the latency of 52 cycles;
//   a[16..31]  tmm5  tmm2      tmm3          all eight tiles are in use
//
//   x y = lo y + hi y. A step is 8 products of 16 cycles = 128 cycles, and 6 tile loads of 8 cycles from L1.
//   Subnormal operands and results count as zero. Tiles are configured: gk_gemm_amx_tiles.

#include "../gk_asm.h"
#ifdef __x86_64__

GK_FUNC gk_gemm_amx_bf16x2x1_32x32, 6
    GK_TILES_OPEN
    test    rdi, rdi
    jz      L(write)

    // ---- one step of k
    .balign 32
L(step):
    GK_TILES_B 0
    GK_TILES_A 2048
    GK_TILES_DOT tdpbf16ps
    GK_TILES_PANEL
    GK_TILES_PANEL
    GK_TILES_ROW
    GK_TILES_A 0
    GK_TILES_DOT tdpbf16ps
    GK_TILES_PANEL
    GK_TILES_PANEL
    GK_TILES_ROW
    add     rsi, 4096
    add     rdx, 2048
    dec     rdi
    jnz     L(step)

    // ---- write the tile
L(write):
    GK_TILES_CLOSE
GK_ENDFUNC gk_gemm_amx_bf16x2x1_32x32

#endif
