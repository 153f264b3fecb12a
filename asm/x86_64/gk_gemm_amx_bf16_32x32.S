// gk_gemm_amx_bf16_32x32 -- C[32][32] = A B on packed panels of bf16, sums in f32.                    AMX-TILE, AMX-BF16
//
//   void gk_gemm_amx_bf16_32x32(size_t steps, const uint16_t* a, const uint16_t* b,
//                               float* t, size_t accumulate, const void* ahead);
//
//   rdi  steps   depth / 32, 0 allowed        A panel: per step two tiles, rows 0-15 and 16-31 of C,
//   rsi  a       advances 2 KiB per step               a row of a tile being 32 elements in order of k
//   rdx  b       advances 2 KiB per step      B panel: per step two tiles, columns 0-15 and 16-31 of C,
//   rcx  t       [32][32]                              row j of a tile being k = 2j, 2j+1 of each column
//   r8   accumulate  0: t is written and not read. Else t += A B
//   r9   ahead   {row, stride, panel}: what each step prefetches, 128 bytes of a row and 256 of the next panel of A
//   r10, r11     row and stride               rax  bytes between rows: 128 of t, 64 of a panel tile
//
//               b[0..15]  b[16..31]
//               tmm6      tmm7
//   a[0..15]   tmm4  tmm0      tmm1          four accumulators hide the latency of 52 cycles;
//   a[16..31]  tmm5  tmm2      tmm3          all eight tiles are in use
//
//   A step is 4 products of 16 cycles = 64 cycles, and 4 tile loads of 8 cycles from L1: 512 multiply-adds a cycle.
//   A product is two chains of 16 fused multiply-adds, over even and over odd k; their sum is added to the tile.
//   Subnormal operands and results count as zero. Tiles are configured: gk_gemm_amx_tiles.

#include "../gk_asm.h"
#ifdef __x86_64__

GK_FUNC gk_gemm_amx_bf16_32x32, 6
    GK_TILES_OPEN
    test    rdi, rdi
    jz      L(write)

    // ---- one step of k
    .balign 32
L(step):
    tileloadd tmm4, [rsi + rax]
    tileloadd tmm6, [rdx + rax]
    prefetcht0 byte ptr [r10]
    prefetcht1 byte ptr [r9]
    tdpbf16ps tmm0, tmm4, tmm6
    tileloadd tmm7, [rdx + rax + 1024]
    prefetcht0 byte ptr [r10 + 64]
    prefetcht1 byte ptr [r9 + 64]
    tdpbf16ps tmm1, tmm4, tmm7
    tileloadd tmm5, [rsi + rax + 1024]
    prefetcht1 byte ptr [r9 + 128]
    prefetcht1 byte ptr [r9 + 192]
    add     rsi, 2048
    add     rdx, 2048
    add     r10, r11
    add     r9, 256
    tdpbf16ps tmm2, tmm5, tmm6
    tdpbf16ps tmm3, tmm5, tmm7
    dec     rdi
    jnz     L(step)

    // ---- write the tile
L(write):
    GK_TILES_CLOSE
GK_ENDFUNC gk_gemm_amx_bf16_32x32

#endif
