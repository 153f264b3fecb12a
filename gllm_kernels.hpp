// gllm_kernels 0.1.0 (2026-11-21): CPU kernels for running language models, in one header.
//
//   // in exactly one .cpp:
//   #define GLLM_KERNELS_IMPLEMENTATION
//   #include "gllm_kernels.hpp"
//
//   gllm::CpuKernels<float> kernels;                      // for the best instruction set of this CPU
//   kernels.rms_norm(x, w, out, n, 1e-5f);
//   gllm::Status s = kernels.matmul(gllm::QuantType::Q4_K, blocks, x, y, m, n, k);
//   if (!s) puts(s.what);                                 // "k must be a multiple of 256 for Q4_K"
//
// No dependency, no -march flag, no thread, no global state. Linking asm/ as well, and defining
// GLLM_KERNELS_ASM, replaces the inner loops by hand-written ones; nothing else changes.
// MIT licence, at the end of this file.

#if !defined(__cplusplus) || (__cplusplus < 201703L && (!defined(_MSVC_LANG) || _MSVC_LANG < 201703L))
#error "gllm_kernels.hpp is a C++17 header: include it from C++, compiled with -std=c++17 or later."
#else
#ifndef GK_PASS                    // a pass is this file included by itself: section [17]

#pragma push_macro("min")          // some system headers define them; here they are names of functions
#pragma push_macro("max")
#undef min
#undef max
#define GK_PRAGMA(x) _Pragma(#x)

// What other modules of a process see: no function, or, of a shared library of its own, those of the API. Types are as
// visible as the user's, which may have them as members.
#ifdef _WIN32
#define GK_HIDDEN
#define GK_HIDE
#define GK_HIDE_END
#else
#define GK_HIDDEN   __attribute__((visibility("hidden")))
#define GK_HIDE     GK_PRAGMA(GCC visibility push(hidden))
#define GK_HIDE_END GK_PRAGMA(GCC visibility pop)
#endif
#if !defined(GLLM_KERNELS_SHARED)
#define GK_EXPORT GK_HIDDEN
#elif !defined(_WIN32)
#define GK_EXPORT __attribute__((visibility("default")))
#define GK_TYPE   GK_EXPORT            // of a template argument, whatever -fvisibility says
#elif defined(GLLM_KERNELS_IMPLEMENTATION)
#define GK_EXPORT __declspec(dllexport)
#else
#define GK_EXPORT __declspec(dllimport)
#endif
#ifndef GK_TYPE
#define GK_TYPE
#endif
#ifdef GLLM_KERNELS_STATIC         // the whole library private to each file that implements it
#define GK_API      [[maybe_unused]]
#define GK_INTERNAL [[maybe_unused]]
#define GK_PUBLIC_BEGIN namespace gllm { namespace {
#define GK_PUBLIC_END   } }
#define GK_NAMESPACE_BEGIN GK_PUBLIC_BEGIN
#define GK_NAMESPACE_END   GK_PUBLIC_END
#else
#define GK_API      GK_EXPORT
#define GK_INTERNAL
#define GK_PUBLIC_BEGIN namespace gllm {
#define GK_PUBLIC_END   }
#define GK_NAMESPACE_BEGIN GK_HIDE GK_PUBLIC_BEGIN
#define GK_NAMESPACE_END   GK_PUBLIC_END GK_HIDE_END
#endif

#ifndef GLLM_KERNELS_HPP
#define GLLM_KERNELS_HPP

#define GLLM_KERNELS_VERSION_MAJOR 0
#define GLLM_KERNELS_VERSION_MINOR 1
#define GLLM_KERNELS_VERSION_PATCH 0

// ============================================================================
// [1] MANUAL
// ============================================================================
//
// Contents: search for the tag, or grep '^// \['
//
//   [1] manual                          [9]  vector primitives, exponentials  )
//   [2] public API                      [10] operations                       )
//   [3] configuration and platform      [11] codecs                           ) compiled once per
//   [4] element types                   [12] rows of weights                  ) instruction set
//   [5] quant layouts                   [13] dense products                   )
//   [6] codebooks                       [14] attention                        )
//   [7] jobs and kernels                [15] integer products, features       )
//   [8] routes                          [16] AMX tiles                        )
//                                       [17] instruction-set expansion
//                                       [18] detection and dispatch
//                                       [19] quantisers
//                                       [20] public entry points
//                                       [21] threads
//   with GLLM_KERNELS_MODEL             [22] the cache of keys and values
//                                       [23] models
//   with GLLM_KERNELS_COMPILER          [24] traces
//                                       [25] the graph compiler
//                                       [26] machine code
//                                       [27] history and licence
//
// ---- building ---------------------------------------------------------------
//
// C++17, gcc or clang, any optimisation level, no -march. One .cpp defines GLLM_KERNELS_IMPLEMENTATION; it is the file
// to compile with -O2, and without -ffast-math. The header finds itself by the name GLLM_KERNELS_SELF.
//
//   GLLM_KERNELS_IMPLEMENTATION     emit the implementation here
//   GLLM_KERNELS_ASM                use the microkernels of asm/; its objects must be linked
//   GLLM_KERNELS_THREADS            add ThreadPool (define it wherever the header is included)
//   GLLM_KERNELS_MODEL              add the paged cache, tensors and models (define it wherever the header is included)
//   GLLM_KERNELS_COMPILER           add the graph compiler, and traces of operations (define it wherever the header is
//                                   included)
//   GLLM_KERNELS_NO_JIT             leave out what writes machine code at run time
//   GLLM_KERNELS_STATIC             everything private to the including file
//   GLLM_KERNELS_SHARED             export the API from a shared library, and import it (define it wherever the header
//                                   is included); by default no symbol leaves the module that implements it: copies in
//                                   one process do not meet
//   GLLM_KERNELS_EMULATE            also compile, through SIMDe, the instruction sets that the target lacks (tests)
//   GLLM_KERNELS_ONLY_PASS          scalar, avx2, avx512, neon or dispatch: a part of the implementation, to compile it
//                                   in parallel files
//   GLLM_KERNELS_SELF               how the header includes itself; default "gllm_kernels.hpp"
//   GLLM_KERNELS_ASSERT(x)          checks of what returns no Status; default assert(), nothing under NDEBUG
//   GLLM_KERNELS_MALLOC/FREE        scratch memory; default malloc and free
//   GLLM_KERNELS_L2_BYTES           the second-level cache of a core, for which products are blocked; default: what the
//                                   CPU says
//   GLLM_KERNELS_SHARED_WORK        multiply-adds from which a product is worth sharing among threads; default 262144
//   GLLM_KERNELS_NO_AVX2 _NO_AVX512 _NO_NEON _NO_KQUANT _NO_IQ _NO_CHECKPOINTS _NO_ATTENTION _NO_QUANTIZE
//                                   leave parts out
//   GLLM_KERNELS_ALLOW_FAST_MATH    give up the promises below
//
// The environment variable GLLM_KERNELS_ISA narrows detection: "scalar", "avx2", "avx512", "neon", with "-feature"
// terms such as "avx512,-amx,-vnni". It never switches on what the CPU lacks.
//
// ---- numbers ----------------------------------------------------------------
//
// Against the exact result; u = 2^-24. What is the same bits on every instruction set is the correctly rounded result.
//
//   add sub mul scale relu max, dequantisation     correctly rounded, the same bits on every instruction set
//   quantisation                                    the same bits on every instruction set
//   exp tanh                                        2 ulp, the whole range
//   silu gelu gelu_erf gelu_quick swiglu            4 ulp where the result is normal
//   softmax rms_norm                                16 ulp of the row's largest result
//   layer_norm                                      16 ulp of the largest of max |x - mean| / deviation max |gamma|,
//                                                   |beta| and the results
//   attention                                       160 u (1 + A) max |v|, A the largest scale sum |q k| of a query
//   dot, sums, gemv                                 64 u sum |a b|, whatever n
//   gemm                                            160 u sum |a b| for k up to 4096, 256 u for any k
//   quantised products, exact                       160 u, or 256 u, of the sum over 32-groups of max |x| sum |w|, w as
//                                                   dequant gives it
//   quantised products, fast                        1/250 of the same sum: inputs are rounded to 8 bits, or weights to
//                                                   bf16, wherever that is faster
//
// These hold for any data, worst cases included, where results and terms are neither subnormal nor infinite; each is
// derived where its sum is defined. Ordinary data errs by a few u. A plain sum of k terms, as BLAS may compute it,
// promises k u. A bias and scales round once more each. f16 and bf16 are widened exactly and rounded once. NaN in gives
// NaN out, also in relu, max and softmax. A row of -inf only is a masked one: its softmax is zeros. Floating-point
// modes are never touched; ARMv7 NEON, which flushes subnormals, is the one exception to the table. The same input
// gives the same bits whatever the threads, their split, or the alignment.
//
// ---- errors, threads, memory --------------------------------------------------
//
// What can be called wrongly returns a Status and checks before it writes: null pointers, sizes that overflow or do not
// divide, outputs over inputs. What cannot, has GLLM_KERNELS_ASSERT. Weights are bytes at any alignment, and nothing is
// read past their end. Nothing throws, prints or aborts.
//
// A CpuKernels runs in the calling thread until it is given a Parallel; then products and row forms split rows or
// columns. Scratch is allocated at the start of a call and freed at its end, or taken from `workspace`.
//
// ---- life of a call ------------------------------------------------------------
//
// k.matmul(Q4_K, blocks, x, y, 1, n, 4096) on AVX-512: [20] matmul checks the arguments and fills Weights;
// Quantised::plan asks quant_route [8], which says `codes` for so few rows, and finds room for x in fixed point;
// Quantised::by_codes has it prepared [15] and calls table().formats[Q4_K].rows_by_codes for the Share of the n output
// rows of each thread. That is [15] of the feature that the CPU has, VNNI for one: four rows at a time,
// row_codes<codec_q4_k> [12] turns so many blocks into codes, scales and what is left of offsets, as codec_q4_k [11]
// reads them, and code_products multiplies them with x: exact sums of integers, scaled and added up as floats. Where
// asm/ has a kernel for the format, which keeps codes in registers, fused_rows calls it instead, for the same bits.
// With Precision::fast x has one digit, not three.
//
// With 512 rows of x, and a unit that multiplies bytes, quant_route says `digits`: Quantised::in_digits has x packed by
// CodePanels [15], whose run() decodes some rows of W for CODE_K of k to a panel, by the same row_codes, and multiplies
// it with each panel of x.
//
// k.gemm(a, b, c, 512, 512, 512): [20] Dense::run checks, dense_path [8] says `nest`, Dense::Plan shares the columns of
// C and sizes scratch by Blocks [13]; each thread runs gemm_run -> gemm_nest, which packs panels and calls
// best_microkernel (asm/, or tile<> as its twin). On a CPU with AMX, or for bf16 with
// AVX512-BF16, the table of dispatch [18] has tiles_or_fused [16] in its place.
//
// ---- life of a token -----------------------------------------------------------
//
// model.decode(cache, {&token, 1}, logits): [23] State::forward takes the row of the embedding, and the sines and
// cosines of the position that its sequence has come to. In each layer attend() normalises, has the input prepared once
// for q, k and v, turns q and k, and appends k and v to the cache [22]: a page of 16 tokens is taken when the last one
// is full, copied first when another sequence shares it. k.attention [20] reads the pages where they lie: the form
// `few` of [14], one unit of work for each head of keys and piece of PIECE tokens, whose results are merged in order.
// With a prompt of 512 tokens it takes the form `many`: the same sums, for the same bits, by the tiles of [13].
// feed_forward() does the rest, and the tokens whose logits are wanted go through lm_head.
//
// ---- life of a graph -----------------------------------------------------------
//
// g.output(g.mul(g.op(OpKind::gelu, g.matmul_t(x, w)), x)); layer.compile(g, DeviceProfile::host()): [25] check_graph
// infers each shape, by what the operation's trace [24] reads and how, and refuses what does not fit by the node's
// name. lower makes a SemanticDAG of what outputs depend on: 16-bit sources and outputs get a convert, an operation
// without a kernel becomes the steps of its trace. fuse puts each operation into a group: the product is a kernel_call,
// gelu and mul are one loop_fusion. w fits the second-level cache, so find_packed has bind() pack it, and find_bands
// lets both groups go over some rows at a time. place_values finds that gelu's result is read in its group only, so
// that a slot of a tile holds it, and that the product's is a buffer that lives from group 0 to 1, of as many rows as a
// band.
//
// layer.run(inputs, outputs, 512): plan_buffers finds the rows of a band and offsets, if the last run had other rows.
// For each band the product is that of gemm_prepacked, its scratch a buffer too. The group behind it goes tile by tile:
// on AVX2, AVX-512 and NEON by a function that [26] wrote when the graph was compiled, gelu and mul in registers;
// elsewhere, or where the system lends no memory for code, gelu by table().gelu from the buffer to the slot, mul by
// table().vec_mul from slot and x to the output, all in the first-level cache, for the same bits. `parallel` shares the
// bands, or, where there is but one, columns and tiles.
//
// Where k is at most 256 and w small, find_injected lets [26] write one function for both groups: the product, by a
// microkernel for these very shapes, and gelu and mul on its sums, which then need no buffer. It runs wherever the
// kernels would add up the product in the same order.
//
// ---- glossary ------------------------------------------------------------------
//
//   block    weights that share a struct of a quant format; of a product: the part of A, B or C that a cache holds
//   group    inputs or weights that share a scale; the bounds above count groups of 32 inputs; of a graph: operations
//            that are computed together
//   code     the integer that a format stores for a weight; a plain code is one without a scale in its row
//   panel    a strip of A or B, as wide as a tile, in the order in which a microkernel reads it
//   tile     the part of C that a microkernel keeps in registers; an AMX tile is a register of AMX; of a graph: the
//            part of its rows that a group computes at a time
//   digit    of an input in fixed point: one of up to three, to base 256 or 128
//   term     of a float split for AMX: one of up to three bf16 whose sum it is; a plane holds the same term of all
//   chain    additions one after another into one accumulator
//   route    which of its ways a product takes
//   page     16 tokens of a cache, of one layer and all its heads; a piece is as many tokens as attention sums in f32
//   trace    an operation recorded: what one row of it computes, as a list; a stage is a loop of it, or what runs once
//            between loops
//
// ---- adding to it -------------------------------------------------------------
//
//   an operation         a template in [10], a slot in KernelTable and a method in [2], the slot's line in
//                        kernel_table() behind [16]. In graphs: an OpKind in [2], a row of recordings in [24], a case
//                        of the switch over OpKind in [25]
//   a format             an enum value and quant_type_count in [2], a struct and a row of GK_FORMATS in [5], a codec in
//                        [11], an Encoder in [19]. Where its scale is no f16 `d`, with `dmin` or `m` beside it, a
//                        sane() in [5]
//   an assembly kernel   a file of asm/, a row of its table in [7], and its name above the table; rows of codes have it
//                        from the row. Tests, `make bench` and `make mca` find it there
//   an instruction set   [2] a value of Isa, in all_isas too, its bits in CpuFeatures    [3] its number, GK_HAS_..,
//                        GK_PASS_NAMED_.., undefined behind [26]    [9] blocks of primitives: floats, bytes and
//                        exponentials    [15] the dot products of bytes    [17] a stanza    [18] feature_names,
//                        detect_hardware, narrow_features, tables, a row of variants, isa_name
//   a feature of one     [2] a bit    [3] its number, GK_HAS_..    [15] what it speeds up    [17] a stanza
//                        [18] feature_names, detect_hardware, tables, a row of variants
//
// Then the tests: an oracle and a row in the tables of tests/, which walk all_isas, QuantType and the tables of [7].

// ============================================================================
// [2] PUBLIC API
// ============================================================================

#include <stddef.h>
#include <stdint.h>
#ifdef GLLM_KERNELS_COMPILER
#include <type_traits>
#endif

GK_PUBLIC_BEGIN

// ---- element types ----------------------------------------------------------

struct GK_TYPE f16  { uint16_t bits; };    ///< IEEE binary16
struct GK_TYPE bf16 { uint16_t bits; };    ///< upper half of an IEEE binary32

/// A scalar operand of an operation on E: accepts float, f16 or bf16, and enters the arithmetic as f32.
struct Scalar {
    float value;
    GK_API Scalar(float v) : value(v) {}
    GK_API Scalar(f16 v);
    GK_API Scalar(bf16 v);
};

namespace impl {
template <class E> struct ElementConstants;
template <> struct ElementConstants<float> {
    static constexpr float ZERO = 0, ONE = 1;
    static constexpr int   ELEM_ID = 0;
};
template <> struct ElementConstants<f16> {
    static constexpr f16   ZERO = {0}, ONE = {0x3c00};
    static constexpr int   ELEM_ID = 1;
};
template <> struct ElementConstants<bf16> {
    static constexpr bf16  ZERO = {0}, ONE = {0x3f80};
    static constexpr int   ELEM_ID = 2;
};
}

/// Scalar arithmetic on one element, E = float, f16 or bf16: widen to f32, compute, round once to nearest even. NaN
/// stays a quiet NaN, overflow becomes infinity. mul_add is acc + a b with one rounding in all.
template <class E> struct Element : impl::ElementConstants<E> {     // ZERO, ONE, ELEM_ID
    GK_API static E from_f32(float v);
    GK_API static float to_f32(E v);
    GK_API static E mul_add(E acc, E a, E b);
    GK_API static E add(E a, E b);
    GK_API static E sub(E a, E b);
    GK_API static E mul(E a, E b);
    GK_API static E div(E a, E b);
    GK_API static E neg(E a);
    GK_API static E max(E a, E b);
    GK_API static E min(E a, E b);
    GK_API static E sqrt(E a);
    GK_API static E exp(E a);
    GK_API static E recip(E a);
    GK_API static E abs(E a);
    GK_API static E tanh(E a);
    GK_API static const float* as_f32(const E* p);                     // p itself for float, else null
};

// ---- instruction sets -------------------------------------------------------

enum class Isa      : uint8_t { scalar, avx2, avx512, neon };
enum class Presence : uint8_t { absent, emulated, native };
constexpr Isa all_isas[] = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon};           // the slower first

/// What this CPU has and its operating system saves, narrowed by the environment variable GLLM_KERNELS_ISA.
struct CpuFeatures {
    bool avx2, avx512, neon;                                    // the needs of each Isa, as a whole
    bool f16c, fma, avx_vnni;
    bool avx512_vnni, avx512_vbmi, avx512_bitalg, gfni, avx512_bf16, avx512_fp16, amx_int8, amx_bf16;
    bool neon_dotprod, neon_fp16, neon_i8mm, neon_bf16, sve, sve2;
};

GK_API Isa                best_isa();                           // the fastest native one
GK_API Presence           isa_presence(Isa isa);
GK_API const char*        isa_name(Isa isa);                    // "scalar", "avx2", "avx512", "neon"
GK_API const CpuFeatures& cpu_features();

// ---- status -----------------------------------------------------------------

enum class Code : uint8_t { ok, invalid_argument, unsupported, out_of_memory, compile_error, runtime_error, io_error };

/// What an operation that can be called wrongly returns. On any code but ok no output was touched.
struct Status {
    Code        code;
    const char* what;                                           // static text: what is wrong, what would be right
    GK_API explicit operator bool() const { return code == Code::ok; }
};

// ---- quantised weights ------------------------------------------------------

enum class QuantType : uint8_t {
    Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K,
    IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, IQ4_NL, IQ4_XS,
    AWQ4, GPTQ4, SQUEEZE,
    Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q1_0, Q2_0, TQ1_0, TQ2_0, MXFP4, NVFP4
};
constexpr int quant_type_count = 29;

enum class DType      : uint8_t { f32, f16, bf16, blocks };    // what a tensor holds; blocks of a QuantType
enum class Activation : uint8_t { none, relu, gelu, silu, tanh };
enum class RopeStyle  : uint8_t { interleaved, half };          // pairs (2i, 2i+1); pairs (i, i + n_rot/2)
enum class Precision  : uint8_t { exact, fast };                // how the input enters a quantised product
enum class GptqZeros  : uint8_t { v1, v2, symmetric, unknown }; // stored z - 1; stored z; z = 8 throughout

GK_API const char* quant_name (QuantType type);                 // "Q4_K"; null for a value that is no QuantType
GK_API size_t      block_size (QuantType type);                 // weights in a block; 0 for no QuantType, as below
GK_API size_t      block_bytes(QuantType type);
GK_API int         bits       (QuantType type);                 // nominal bits of a code
GK_API size_t      row_bytes  (QuantType type, size_t k);       // 0 when k is not a whole number of blocks

/// The index of the first NaN or infinity of x[n]; n if there is none.
GK_API size_t first_not_finite(const float* x, size_t n);

/// Is this buffer sane: a whole number of blocks, all scales and all weights finite? Nothing else in a block can be
/// wrong.
GK_API Status validate_blocks(QuantType type, const void* blocks, size_t bytes);

/// AutoAWQ "GEMM" tensors (qweight u32 [k][n/8], qzeros u32 [k/group][n/8], scales f16 [k/group][n]) to rows of AWQ4
/// blocks, n * row_bytes(AWQ4, k) bytes. k and group must be multiples of 128, group a divisor of k, n a multiple of 8.
GK_API Status pack_awq4(const void* qweight, const void* qzeros, const void* scales, size_t n, size_t k,
                        size_t group, void* blocks);

/// GPTQ tensors (qweight u32 [k/8][n], qzeros u32 [k/group][n/8], scales f16 [k/group][n], g_idx i32 [k] or null) to
/// rows of GPTQ4 blocks. perm[k] receives the input that each packed column stands for: multiply with x[perm[i]]. perm
/// may be null only if g_idx is null. Each group must own exactly `group` inputs.
GK_API Status pack_gptq4(const void* qweight, const void* qzeros, const void* scales, const int32_t* g_idx,
                         size_t n, size_t k, size_t group, GptqZeros zeros, void* blocks, int32_t* perm);

/// 3-bit SqueezeLLM tensors (qweight u32 [k/32*3][n], lookup_table f32 [n][8]) to rows of SQUEEZE blocks with d = 1.
GK_API Status pack_squeeze(const void* qweight, const float* lookup_table, size_t n, size_t k, void* blocks);

/// Which convention a GPTQ file's zeros follow, by what most of its 4-bit fields hold: 7 v1, 8 v2, else unknown.
GK_API GptqZeros detect_gptq_zeros(const void* qzeros, size_t words);

// ---- attention --------------------------------------------------------------

/// What a cache of keys and values holds: Q8_0 is blocks of 32 along a head.
enum class CacheType : uint8_t { f32, f16, bf16, Q8_0 };

/// The keys, or the values, of one layer and sequence, [length][kv_heads][head_dim]. Strides are bytes.
///
/// Plain arrays: head h of token t is head_dim elements, whole blocks of Q8_0, from data + t token_stride + h
/// head_stride, aligned to the element. Pages of a KvCache, 64-byte aligned: token t is in page pages[t / 16],
/// `page_stride` times that from data, and there
///
///   values   [kv_heads][16][head_dim]: as above, t modulo 16
///   keys     [kv_heads][head_dim][16]: the 16 tokens side by side. Q8_0: int8 code[head_dim][16],
///            f16 d[head_dim / 32][16]
struct KvRows {
    const void* data = nullptr;
    CacheType   type = CacheType::f32;
    size_t      token_stride = 0, head_stride = 0;
};
struct KvView {
    KvRows          keys, values;
    size_t          kv_heads = 0, head_dim = 0, length = 0;
    const uint32_t* pages = nullptr;                            // null: plain arrays
    size_t          page_stride = 0;
};

/// softmax(scale q k^T) v of one sequence, query i at `position` + i, for each head; head h goes by head
/// h / (heads / kv_heads) of the keys and values.
template <class E> struct AttentionArgs {
    const E*     q = nullptr;                                   // [m][heads][head_dim]
    E*           out = nullptr;                                 // the same; may be q
    size_t       m = 0, heads = 0;
    KvView       kv;
    size_t       position = 0;
    bool         causal = true;                                 // sees keys up to its own position; else all
    size_t       window = 0;                                    // w > 0: only those less than w positions back
    float        scale = 0;                                     // 0: 1 / sqrt(head_dim)
    float        softcap = 0;                                   // c > 0: a score s becomes c tanh(s / c)
    const float* sinks = nullptr;                               // [heads]: a score each that has no value, and no cap
    const float* slopes = nullptr;                              // [heads]: slope (t - query's position) joins score t
};

// ---- threads and memory -----------------------------------------------------

/// How to run tasks 0 .. tasks-1 in parallel; run() returns when all are done. Defaults to the calling thread.
struct Parallel {
    unsigned width = 1;                                         // threads worth splitting for
    void*    pool  = nullptr;
    void   (*run)(void* pool, unsigned tasks, void (*task)(void* arg, unsigned i), void* arg) = nullptr;
};

/// Scratch memory of the caller's. With data set, operations take theirs from here and allocate nothing;
/// one that needs more returns out_of_memory. Any alignment. Not to be shared by concurrent calls.
struct Workspace {
    void*  data  = nullptr;
    size_t bytes = 0;
};

#ifdef GLLM_KERNELS_THREADS
/// A small pool for programs that have none. Its workers look for work some microseconds, then park; destruction joins
/// them.
class ThreadPool {
public:
    /// The caller counts as one; there are fewer if threads cannot start.
    GK_API explicit ThreadPool(unsigned width);
    GK_API ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    /// For k.parallel; one call at a time. Of one thread it has no `run`.
    GK_API Parallel parallel();
private:
    struct State;
    State* state_;
};
#endif

// ---- the kernel table -------------------------------------------------------

namespace impl {
struct FormatKernels;                                           // the loops of one quantised format
struct CodeKernels;                                             // how inputs are prepared for them
struct DigitKernels;                                            // those in fixed point
struct GemmKernels;                                             // the loop nest and its packing
struct AttentionKernels;                                        // its forms, of few and of many queries
struct CheckpointKernels;                                       // AWQ and GPTQ tensors as they are in their files
struct MapStep;
struct MapJob;                                                  // a recorded map, and what it is to work on
}

/// One instruction set's kernels for one element type: what CpuKernels<E> calls. Single-threaded and unchecked; a range
/// of rows is a matter of pointer arithmetic on them.
template <class E> struct KernelTable {
    Isa isa;
    E    (*vec_dot)(const E* a, const E* b, size_t n);
    void (*vec_add)(const E* a, const E* b, E* out, size_t n);
    void (*vec_sub)(const E* a, const E* b, E* out, size_t n);
    void (*vec_mul)(const E* a, const E* b, E* out, size_t n);
    void (*vec_scale)(E* x, float s, size_t n);
    void (*vec_axpy)(E* y, float a, const E* x, size_t n);
    E    (*vec_sum)(const E* x, size_t n);
    E    (*vec_max)(const E* x, size_t n);
    E    (*vec_sum_squares)(const E* x, size_t n);
    void (*gemv)(const E* a, const E* x, E* y, size_t m, size_t n);
    void (*silu)(const E* x, E* out, size_t n);
    void (*gelu)(const E* x, E* out, size_t n);
    void (*gelu_erf)(const E* x, E* out, size_t n);
    void (*gelu_quick)(const E* x, E* out, size_t n);
    void (*relu)(const E* x, E* out, size_t n);
    void (*tanh)(const E* x, E* out, size_t n);
    void (*exp)(const E* x, E* out, size_t n);
    void (*swiglu)(const E* gate, const E* up, E* out, size_t n);
    void (*softmax)(const E* x, E* out, size_t n);
    void (*rms_norm)(const E* x, const E* weight, E* out, size_t rows, size_t n, float eps);
    void (*layer_norm)(const E* x, const E* gamma, const E* beta, E* out, size_t rows, size_t n, float eps);
    void (*rope)(E* qk, const E* cos, const E* sin, size_t heads, size_t head_dim, size_t n_rot, RopeStyle style);
    void (*widen)(const E* x, float* out, size_t n);
    void (*narrow)(const float* x, E* out, size_t n);
    const impl::GemmKernels*       gemm;
    const impl::AttentionKernels*  attention;
    const impl::CheckpointKernels* checkpoints;
    const impl::FormatKernels*     formats;                     // [quant_type_count], then the plain q8 q4 q2 q1
    void (*map)(const impl::MapJob& job);                       // of floats, under GLLM_KERNELS_COMPILER; else null
};

// ---- the kernels ------------------------------------------------------------

/// Every operation, for one element type, on one instruction set. Copyable, three words and a pointer; a const one may
/// be used by several threads at once as long as its workspace is empty.
///
/// Matrices are row-major. Reductions accumulate in f32 or better; f16 and bf16 inputs are widened exactly
/// and results rounded once. n = 0 is valid everywhere and touches nothing. Elementwise operations accept out == in.
/// Accuracy: the manual, "Numbers".
template <class E> class CpuKernels {
public:
    GK_API CpuKernels();                                               // best_isa()
    GK_API Status select(Isa isa);                              // unsupported, and no change, if not present here
    GK_API Isa isa() const { return table_->isa; }
    GK_API const KernelTable<E>& table() const { return *table_; }

    Parallel  parallel;
    Workspace workspace;

    // ---- vectors: vec_axpy is y += a x; vec_max of none is -inf
    GK_API E    vec_dot(const E* a, const E* b, size_t n) const             { return table_->vec_dot(a, b, n); }
    GK_API void vec_add(const E* a, const E* b, E* out, size_t n) const     { table_->vec_add(a, b, out, n); }
    GK_API void vec_sub(const E* a, const E* b, E* out, size_t n) const     { table_->vec_sub(a, b, out, n); }
    GK_API void vec_mul(const E* a, const E* b, E* out, size_t n) const     { table_->vec_mul(a, b, out, n); }
    GK_API void vec_scale(E* x, Scalar s, size_t n) const                   { table_->vec_scale(x, s.value, n); }
    GK_API void vec_axpy(E* y, Scalar a, const E* x, size_t n) const        { table_->vec_axpy(y, a.value, x, n); }
    GK_API E    vec_sum(const E* x, size_t n) const                         { return table_->vec_sum(x, n); }
    GK_API E    vec_max(const E* x, size_t n) const                         { return table_->vec_max(x, n); }
    GK_API E    vec_sum_squares(const E* x, size_t n) const                 { return table_->vec_sum_squares(x, n); }

    // ---- activations
    //      silu        x / (1 + e^-x)
    //      gelu        the tanh form
    //      gelu_erf    x (1 + erf(x / sqrt 2)) / 2
    //      gelu_quick  x / (1 + e^(-1.702 x))
    //      swiglu      silu(gate) up
    GK_API void silu(const E* x, E* out, size_t n) const                    { table_->silu(x, out, n); }
    GK_API void gelu(const E* x, E* out, size_t n) const                    { table_->gelu(x, out, n); }
    GK_API void gelu_erf(const E* x, E* out, size_t n) const                { table_->gelu_erf(x, out, n); }
    GK_API void gelu_quick(const E* x, E* out, size_t n) const              { table_->gelu_quick(x, out, n); }
    GK_API void relu(const E* x, E* out, size_t n) const                    { table_->relu(x, out, n); }
    GK_API void tanh(const E* x, E* out, size_t n) const                    { table_->tanh(x, out, n); }
    GK_API void exp(const E* x, E* out, size_t n) const                     { table_->exp(x, out, n); }
    GK_API void swiglu(const E* gate, const E* up, E* out, size_t n) const  { table_->swiglu(gate, up, out, n); }
    //      One row; all -inf gives zeros.
    GK_API void softmax(const E* x, E* out, size_t n) const                 { table_->softmax(x, out, n); }

    // ---- normalisation: one row, and [rows][n]
    //      rms_norm    x w / sqrt(mean(x^2) + eps)
    //      layer_norm  (x - mean) / sqrt(var + eps) gamma + beta, biased variance of the second pass
    GK_API void rms_norm(const E* x, const E* weight, E* out, size_t n, float eps) const {
        table_->rms_norm(x, weight, out, 1, n, eps);
    }
    GK_API void layer_norm(const E* x, const E* gamma, const E* beta, E* out, size_t n, float eps) const {
        table_->layer_norm(x, gamma, beta, out, 1, n, eps);
    }
    GK_API void rms_norm_rows(const E* x, const E* weight, E* out, size_t rows, size_t n, float eps) const;
    GK_API void layer_norm_rows(const E* x, const E* gamma, const E* beta, E* out, size_t rows, size_t n,
                                float eps) const;

    // ---- positions: rotates qk[heads][head_dim] in place by the angles cos[n_rot/2], sin[n_rot/2]. Only the first
    //      n_rot elements of a head turn; 0 means all of them. n_rot is even and at most head_dim (asserted).
    //      rope_with_pos takes row `position` of tables [positions][n_rot/2].
    GK_API void rope(E* qk, const E* cos, const E* sin, size_t heads, size_t head_dim, RopeStyle style,
                     size_t n_rot = 0) const {
        table_->rope(qk, cos, sin, heads, head_dim, n_rot ? n_rot : head_dim, style);
    }
    GK_API void rope_with_pos(E* qk, const E* cos, const E* sin, size_t heads, size_t head_dim, size_t position,
                              RopeStyle style, size_t n_rot = 0) const {
        const size_t row = position * ((n_rot ? n_rot : head_dim) / 2);
        rope(qk, cos + row, sin + row, heads, head_dim, style, n_rot);
    }

    // ---- dense products: y[m] = A[m][n] x[n]; C[m][n] = A[m][k] B[k][n], "transposed" B[n][k].
    //      C is overwritten and may be uninitialised; it must not overlap an input. k = 0 gives zeros (plus bias).
    GK_API void   gemv(const E* a, const E* x, E* y, size_t m, size_t n) const;
    GK_API Status gemm(const E* a, const E* b, E* c, size_t m, size_t n, size_t k) const;
    GK_API Status gemm_bias(const E* a, const E* b, const E* bias, E* c, size_t m, size_t n, size_t k) const;
    GK_API Status gemm_bias_act(const E* a, const E* b, const E* bias, E* c, size_t m, size_t n, size_t k,
                                Activation act) const;
    GK_API Status gemm_transposed_b(const E* a, const E* bt, E* c, size_t m, size_t n, size_t k) const;
    //      The same with weights of any element type, widened exactly, as inputs are.
    GK_API Status gemm_mixed(const E* a, const float* bt, E* c, size_t m, size_t n, size_t k) const;
    GK_API Status gemm_mixed(const E* a, const f16* bt, E* c, size_t m, size_t n, size_t k) const;
    GK_API Status gemm_mixed(const E* a, const bf16* bt, E* c, size_t m, size_t n, size_t k) const;

    //      B packed ahead, into packed_b_bytes(n, k) bytes of the caller's, at any address. The buffer is tagged with
    //      instruction set, element, n and k; one that does not fit is refused. It may be copied, to an address that is
    //      the same modulo 4.
    GK_API size_t packed_b_bytes(size_t n, size_t k) const;            // 0 when the size overflows
    GK_API Status pack_b(const E* b, size_t n, size_t k, void* packed) const;
    GK_API Status pack_b_transposed(const E* bt, size_t n, size_t k, void* packed) const;
    GK_API Status gemm_prepacked(const E* a, const void* packed, E* c, size_t m, size_t n, size_t k) const;
    GK_API Status gemm_bias_prepacked(const E* a, const void* packed, const E* bias, E* c, size_t m, size_t n,
                                      size_t k) const;
    GK_API Status gemm_bias_act_prepacked(const E* a, const void* packed, const E* bias, E* c, size_t m, size_t n,
                                          size_t k, Activation act) const;
    //      Workspace enough for any of the above, at this parallel.width; 0 when the size overflows.
    GK_API size_t gemm_workspace_bytes(size_t m, size_t n, size_t k) const;

    // ---- dequantisation: n weights, a whole number of blocks, to f32. Correctly rounded, the same bits on every ISA.
    GK_API Status dequant(QuantType type, const void* blocks, float* out, size_t n) const;
    GK_API Status dequant_q2_k(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::Q2_K, blocks, out, n);
    }
    GK_API Status dequant_q3_k(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::Q3_K, blocks, out, n);
    }
    GK_API Status dequant_q4_k(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::Q4_K, blocks, out, n);
    }
    GK_API Status dequant_q5_k(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::Q5_K, blocks, out, n);
    }
    GK_API Status dequant_q6_k(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::Q6_K, blocks, out, n);
    }
    GK_API Status dequant_q8_k(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::Q8_K, blocks, out, n);
    }
    GK_API Status dequant_iq1_s(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ1_S, blocks, out, n);
    }
    GK_API Status dequant_iq1_m(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ1_M, blocks, out, n);
    }
    GK_API Status dequant_iq2_xxs(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ2_XXS, blocks, out, n);
    }
    GK_API Status dequant_iq2_xs(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ2_XS, blocks, out, n);
    }
    GK_API Status dequant_iq2_s(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ2_S, blocks, out, n);
    }
    GK_API Status dequant_iq3_xxs(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ3_XXS, blocks, out, n);
    }
    GK_API Status dequant_iq3_s(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ3_S, blocks, out, n);
    }
    GK_API Status dequant_iq4_nl(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ4_NL, blocks, out, n);
    }
    GK_API Status dequant_iq4_xs(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::IQ4_XS, blocks, out, n);
    }
    GK_API Status dequant_squeeze(const void* blocks, float* out, size_t n) const {
        return dequant(QuantType::SQUEEZE, blocks, out, n);
    }

    //      Whole checkpoint tensors, to out[n][k]: AutoAWQ "GEMM" and GPTQ layouts, any group that divides k (AWQ), any
    //      group and any g_idx (GPTQ). Words are little-endian u32, scales f16, at any alignment. n and, for GPTQ, k
    //      are multiples of 8.
    GK_API Status dequant_awq4(const void* qweight, const void* qzeros, const void* scales, float* out, size_t n,
                               size_t k, size_t group) const;
    GK_API Status dequant_gptq4(const void* qweight, const void* qzeros, const void* scales, const int32_t* g_idx,
                                float* out, size_t n, size_t k, size_t group, GptqZeros zeros) const;

    // ---- quantisation: rows x[rows][k] to rows of blocks, each with the least sum of
    //      importance[i] (x[i] - decoded[i])^2 that a search finds; importance[k], not negative, or null for 1
    //      throughout. Weights out of Q4_0, Q5_0, Q8_0, Q1_0, Q2_0 or TQ1_0 blocks are found again exactly, those of
    //      other formats nearly; beyond a format's scales lies its largest value. A NaN or an infinity is refused,
    //      before anything is written: first_not_finite() says which. The same bits on every ISA.
    GK_API Status quantize(QuantType type, const float* x, size_t rows, size_t k, const float* importance,
                           void* blocks) const;

    // ---- attention, without a matrix of scores: see AttentionArgs. head_dim is a multiple of 8 up to 576, of 32 for
    //      Q8_0; heads one of kv_heads. A query that sees no key gives zeros; NaN and infinities as in softmax. The
    //      bits depend neither on threads nor on how queries are shared among calls, nor on keys that a query does not
    //      see. With A the largest scale sum |q k| of a query's keys, plus |slope distance|, and values as the cache
    //      holds them, the error is at most 160 u (1 + A) max |v|.
    GK_API Status attention(const AttentionArgs<E>& args) const;
    GK_API size_t attention_workspace_bytes(size_t m, size_t heads, size_t kv_heads, size_t head_dim,
                                            size_t length) const;

    // ---- plain quantised products: weights rows of k codes, one scale a row. q8 int8; q4 two a byte, low nibble
    //      first, code - 8; q2 four a byte, low bits first, code - 2; q1 eight a byte, low bit first, +1 or -1. Rows
    //      start on a byte. gemv: one row, scale * sum w_i x_i. gemm: output[m][n] = input[m][k] W[n][k]^T, precision
    //      as for format products.
    GK_API E gemv_q8(const void* weight, const E* input, Scalar scale, size_t n) const;
    GK_API E gemv_q4(const void* weight, const E* input, Scalar scale, size_t n) const;
    GK_API E gemv_q2(const void* weight, const E* input, Scalar scale, size_t n) const;
    GK_API E gemv_q1(const void* weight, const E* input, Scalar scale, size_t n) const;
    GK_API Status gemm_q8(const void* weight, const E* input, E* output, const E* scales, size_t m, size_t n, size_t k,
                          Precision precision = Precision::exact) const;
    GK_API Status gemm_q4(const void* weight, const E* input, E* output, const E* scales, size_t m, size_t n, size_t k,
                          Precision precision = Precision::exact) const;

    // ---- format products: output[m][n] = input[m][k] W^T, the rows of W as they are on disk, decoded inside the
    //      kernel. kquant_matmul takes Q2_K .. Q8_K, iq_matmul IQ1_S .. IQ4_XS, matmul every QuantType.
    GK_API Status matmul(QuantType type, const void* blocks, const E* input, E* output, size_t m, size_t n, size_t k,
                         Precision precision = Precision::exact) const;
    //      Products that share an input can share what is made of it first: prepared for one format, it serves every
    //      format that takes the same form of it, and costs others nothing. The bits are those of matmul. The buffer,
    //      at any address, is tagged with instruction set, element, m, k and precision; one that does not fit is
    //      refused. It may be copied, to an address that is the same modulo 64.
    //      prepared_bytes is 0 when the size overflows, or k is no whole number of blocks.
    GK_API size_t prepared_bytes(QuantType type, size_t m, size_t k, Precision precision = Precision::exact) const;
    GK_API Status prepare(QuantType type, const E* input, size_t m, size_t k, void* prepared,
                          Precision precision = Precision::exact) const;
    GK_API Status matmul_prepared(QuantType type, const void* blocks, const E* input, const void* prepared, E* output,
                                  size_t m, size_t n, size_t k, Precision precision = Precision::exact) const;
    GK_API Status kquant_matmul(const void* blocks, const E* input, E* output, QuantType type,
                                size_t m, size_t n, size_t k, Precision precision = Precision::exact) const;
    GK_API Status iq_matmul(const void* blocks, const E* input, E* output, QuantType type, size_t m, size_t n, size_t k,
                            Precision precision = Precision::exact) const;
    GK_API Status squeeze_matmul(const void* blocks, const E* input, E* output, size_t m, size_t n, size_t k) const {
        return matmul(QuantType::SQUEEZE, blocks, input, output, m, n, k);
    }
    GK_API Status awq_matmul(const void* qweight, const void* qzeros, const void* scales, const E* input, E* output,
                             size_t m, size_t n, size_t k, size_t group) const;
    GK_API Status gptq_matmul(const void* qweight, const void* qzeros, const void* scales, const int32_t* g_idx,
                              const E* input, E* output, size_t m, size_t n, size_t k, size_t group,
                              GptqZeros zeros) const;
    //      Enough for any of them and for gemm_q8 and gemm_q4, at this parallel.width; 0 when the size overflows.
    GK_API size_t matmul_workspace_bytes(QuantType type, size_t m, size_t n, size_t k,
                                         Precision precision = Precision::exact) const;

    //      output[m][n] += input[m][k] S^T, S[n][k] sparse in CSR: the outliers of a SqueezeLLM tensor. rows[n + 1],
    //      cols in [0, k).
    GK_API Status csr_matmul_add(const int32_t* rows, const int32_t* cols, const float* vals, const E* input, E* output,
                                 size_t m, size_t n, size_t k) const;

private:
    const KernelTable<E>* table_;
};

#ifdef GLLM_KERNELS_MODEL
// ---- the cache of keys and values -------------------------------------------

/// What a Status cannot hold: whom an error is about, and its figures.
struct InferenceError {
    Status status = {Code::ok, "ok"};
    char   name[64] = "";                                       // of a tensor; empty where none is to blame
    size_t requested = 0, available = 0;                        // bytes, pages or tokens, as the text says; else 0
};

struct KvCacheConfig {
    size_t    layers = 0, kv_heads = 0, head_dim = 0;           // head_dim: a multiple of 8, of 32 for Q8_0
    size_t    sequences = 1;                                    // numbered from 0
    CacheType key_type = CacheType::f32, value_type = CacheType::f32;
    size_t    pages = 0;                                        // of the pool: each holds 16 tokens of one layer
    size_t    bytes = 0;                                        // where pages is 0: as many as fit
    void*   (*allocate)(void* user, size_t bytes) = nullptr;    // null: GLLM_KERNELS_MALLOC
    void    (*release)(void* user, void* p) = nullptr;
    void*     user = nullptr;
};
struct KvStats { size_t pages, free_pages, page_bytes, bytes; };        // bytes: of the one allocation

/// Keys and values of several sequences in pages of 16 tokens, as KvRows pictures them. Sequences share pages after a
/// fork; one that is written to is copied first. All memory is allocated by init(). Whatever fails leaves everything as
/// it was. One thread at a time.
class KvCache {
public:
    KvCache() = default;
    GK_API ~KvCache();
    KvCache(const KvCache&) = delete;
    KvCache& operator=(const KvCache&) = delete;

    GK_API static size_t page_bytes(const KvCacheConfig& config);       // 0 where a size is wrong
    GK_API Status init(const KvCacheConfig& config);
    /// keys and values [tokens][kv_heads][head_dim] of one layer, behind those that it has. The first layer that grows
    /// takes the pages of all: once that is ok, the others have room, unless the sequence is forked in between.
    GK_API Status append(size_t seq, size_t layer, const float* keys, const float* values, size_t tokens);
    GK_API Status reset_seq(size_t seq);
    GK_API Status truncate(size_t seq, size_t length);          // a length beyond that of a layer leaves it
    GK_API Status fork(size_t from, size_t to, size_t length);  // `to` becomes the first tokens of `from`, shared
    /// A sequence, all layers of one length, to a stream that describes itself and ends with a checksum, and back.
    /// Written, it is empty; what is read must have been written by a cache of these layers, heads and types, and `seq`
    /// be empty. The callbacks move all bytes or return false.
    GK_API Status swap_out(size_t seq, bool (*write)(void* user, const void* data, size_t bytes), void* user);
    GK_API Status swap_in(size_t seq, bool (*read)(void* user, void* data, size_t bytes), void* user);
    GK_API KvView  view(size_t seq, size_t layer) const;        // valid until the sequence changes
    GK_API size_t  length(size_t seq) const;                    // tokens that every layer has
    GK_API KvStats stats() const;
    const KvCacheConfig&  config() const { return config_; }
    const InferenceError& error() const  { return error_; }     // the last one
private:
    Status    fail(Code code, const char* what, size_t requested = 0, size_t available = 0);
    Status    exists(size_t seq, size_t layer);
    uint32_t* table(size_t seq, size_t layer) const { return tables_ + (seq * config_.layers + layer) * most_; }
    size_t&   layer_length(size_t seq, size_t layer) const { return lengths_[seq * config_.layers + layer]; }
    uint8_t*  page(uint32_t number) const { return pool_ + number * page_bytes_; }
    uint32_t  take();
    void      drop(uint32_t number);
    void      release();
    Status    reserve(size_t seq, size_t written, size_t length);

    KvCacheConfig  config_;
    InferenceError error_;
    void*     memory_ = nullptr;
    uint8_t*  pool_ = nullptr;
    uint32_t* tables_ = nullptr;                                // [sequences][layers][most_]
    uint32_t *users_ = nullptr, *free_ = nullptr;               // of each page; a stack
    size_t   *lengths_ = nullptr, *held_ = nullptr;             // [sequences][layers]; pages of a layer, by sequence
    size_t    page_bytes_ = 0, most_ = 0, free_pages_ = 0, bytes_ = 0;
};

// ---- tensors ----------------------------------------------------------------

enum class DeviceKind : uint8_t { cpu, cuda, metal };

/// How memory that is not the CPU's is had and filled. upload and download return false where they fail.
struct DeviceHooks {
    void* (*allocate)(void* user, size_t bytes);
    void  (*release)(void* user, void* p);
    bool  (*upload)(void* user, void* to, const void* from, size_t bytes);
    bool  (*download)(void* user, void* to, const void* from, size_t bytes);
    void*  user;
};

/// [rows][cols] numbers, row-major, of the CPU's or a device's memory: its own, aligned to 64 bytes, or a view of
/// somebody's.
struct DeviceTensor {
    void*      data = nullptr;
    size_t     bytes = 0, elements = 0, rows = 0, cols = 0;
    DType      dtype = DType::f32;
    QuantType  quant = QuantType::Q8_0;                         // of blocks
    DeviceKind device = DeviceKind::cpu;
    bool       owned = false;
    const DeviceHooks* hooks = nullptr;                         // of a device; null: what needs it is `unsupported`

    DeviceTensor() = default;
    GK_API ~DeviceTensor();
    GK_API DeviceTensor(DeviceTensor&& other) noexcept;
    GK_API DeviceTensor& operator=(DeviceTensor&& other) noexcept;
    explicit operator bool() const { return data != nullptr; }

    /// What the tensor held before is released. A view of blocks may lie at any address, another is aligned to its
    /// elements.
    GK_API Status view(const void* data, size_t rows, size_t cols, DType dtype, QuantType quant = QuantType::Q8_0);
    GK_API Status allocate(size_t rows, size_t cols, DType dtype, QuantType quant = QuantType::Q8_0,
                           DeviceKind device = DeviceKind::cpu, const DeviceHooks* hooks = nullptr);
    /// The numbers, where this is a CPU's tensor of that type; else null.
    template <class E> const E* as() const {
        return device == DeviceKind::cpu && static_cast<int>(dtype) == impl::ElementConstants<E>::ELEM_ID
                ? static_cast<const E*>(data) : nullptr;
    }
    GK_API Status upload_f32(const float* x, size_t n);         // all n = elements, rounded, or quantised, to dtype
    GK_API Status download_f32(float* out, size_t n) const;
};

// ---- models -----------------------------------------------------------------

enum class ModelArch   : uint8_t { llama, gpt2, mistral, phi, qwen, gemma };
enum class NormType    : uint8_t { rms, layer };
enum class RopeScaling : uint8_t { none, linear, dynamic, yarn, llama3, longrope };

/// Pair i of a head turns at position p by p base^(-2i / n_rot), scaled: divided by factor (linear), and by factors[i]
/// where there are any; stretched beyond original_context (dynamic: base grows with the context); in parts (yarn,
/// llama3, by wavelength); by one of two lists (longrope: the long one where the model's context exceeds
/// original_context). Vectors are multiplied by `magnitude`, yarn's also by 1 + 0.1 ln factor.
struct RopeConfig {
    RopeStyle    style = RopeStyle::half;
    RopeScaling  scaling = RopeScaling::none;
    size_t       n_rot = 0;                                     // 0: positions are not turned
    double       base = 10000, factor = 1, magnitude = 1;
    size_t       original_context = 0;
    double       beta_fast = 32, beta_slow = 1;                 // yarn
    double       low_freq_factor = 1, high_freq_factor = 4;     // llama3
    const float *factors = nullptr, *long_factors = nullptr, *short_factors = nullptr;  // [n_rot / 2]; read by init()
};

/// Everything that a forward pass depends on but the weights. What weights are there says the rest: biases, norms of
/// the heads of q and k, norms behind attention and feed-forward, a gate.
struct ModelConfig {
    ModelArch  arch = ModelArch::llama;
    size_t     layers = 0, width = 0, heads = 0, kv_heads = 0, head_dim = 0, hidden = 0, vocabulary = 0;
    size_t     context = 0;                                     // positions
    NormType   norm = NormType::rms;
    float      epsilon = 1e-5f;
    Activation activation = Activation::silu;                   // silu or gelu
    bool       parallel = false;                                // feed-forward and attention both of one norm (phi-2)
    RopeConfig rope, local_rope;                                // local: of layers that slide, where its n_rot > 0
    size_t     window = 0;                                      // w > 0: of the layers that slide
    size_t     window_pattern = 0;                              // layer l slides unless (l + 1) % this == 0; 0: all do
    float      embedding_scale = 1;
    float      attention_scale = 0;                             // 0: 1 / sqrt(head_dim)
    float      attention_softcap = 0, final_softcap = 0;        // 0: none
};

struct LayerWeights {
    DeviceTensor attn_norm, attn_norm_bias, q, q_bias, k, k_bias, v, v_bias, q_norm, k_norm;
    DeviceTensor out, out_bias, post_attn_norm;
    DeviceTensor ffn_norm, ffn_norm_bias, gate, gate_bias, up, up_bias, down, down_bias, post_ffn_norm;
};
struct ModelWeights {
    DeviceTensor  embedding, positions;                         // positions: learnt ones (gpt-2)
    LayerWeights* layers = nullptr;                             // [layers]
    DeviceTensor  final_norm, final_norm_bias, lm_head, lm_head_bias;  // without lm_head the embedding is it
};
struct ModelOptions {
    Parallel  parallel;
    Isa       isa = best_isa();
    Precision precision = Precision::exact;
    size_t    batch = 256;                                      // tokens that go through the layers together
    //        told of x[m][k] before each product with the matrix that begins at `weights`
    void    (*watch)(void* user, const void* weights, const float* x, size_t m, size_t k) = nullptr;
    void*     user = nullptr;
};

/// Tokens of one or several sequences, each behind those that its sequence has.
struct BatchToken { int32_t id; uint32_t seq; bool logits; };           // logits: are they wanted?
struct Batch { const BatchToken* tokens = nullptr; size_t count = 0; };

/// A transformer, its weights where they lie: they, and the pool of `parallel`, must outlive it. One thread at a time;
/// several models may share weights. Logits do not depend on threads. What is in a batch beside a token changes them by
/// rounding alone: products of few rows go another way than those of many. Where all batches of a text have 24 tokens
/// or more they have the same bits however it is cut; decode() cuts what is longer than ModelOptions::batch into parts
/// as equal as can be.
class Model {
public:
    Model() = default;
    GK_API ~Model();
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    GK_API Status init(const ModelConfig& config, const ModelWeights& weights, const ModelOptions& options = {});
    /// logits [those that want them][vocabulary], in order of the tokens. Where it fails every sequence is as long as
    /// before.
    GK_API Status decode(KvCache& cache, const Batch& batch, float* logits);
    GK_API KvCacheConfig cache_config(size_t tokens, CacheType type, size_t sequences = 1) const;   // fits this model
    const ModelConfig&    config() const { return config_; }
    const InferenceError& error() const  { return error_; }
private:
    struct State;
    Status fail(const Status& status, const char* name = "", size_t requested = 0, size_t available = 0);
    void   undo(KvCache& cache, const Batch& batch, size_t begin, size_t m);
    ModelConfig    config_;
    InferenceError error_;
    State*         state_ = nullptr;
};
#endif

#ifdef GLLM_KERNELS_COMPILER
// ---- traces: what operations compute, as data -------------------------------

enum class OpKind : uint8_t {
    add, sub, mul, scale, axpy, relu, silu, gelu, gelu_erf, gelu_quick, tanh, exp, swiglu, sum, dot, softmax, rms_norm,
    layer_norm, rope_half, rope_interleaved,
    div, neg, abs, sqrt, rsqrt, recip, max, min, clamp, offset, // offset: adds a parameter
    mean, largest,                                              // of a row
    user
};
enum class ComputePattern : uint8_t {
    elementwise, binary_elementwise, injective,                 // maps of one, two, any number of operands
    reduction, norm_like,  // of a row to a scalar; to scalars that a map then takes
    gemm, quant_decode                                          // opaque
};
enum class TraceType : uint8_t { none, f32, i32, f64, mask };

/// Each is what the vector primitive of that name does in every lane. Sums, products and comparisons of f64 are those
/// of double. shl shr sra: by `index` bits.
enum class TraceCode : uint8_t {
    load, store,                                                // of tensor `index`; a is what is stored
    parameter, length,                                          // number `index`; that of the row, f64, 1 where it is 0
    accumulator, total,  // begins as a, becomes b every time; what the loop of accumulator a leaves
    add, sub, mul, div, neg, abs, min, max, root,
    fma, fnma, xfma,                                            // as vfma, vfnma, vxfma
    less, unordered, select, both, any, negate,                 // any: of two masks; negate: of one
    round, to_int, to_float, widen, narrow,                     // f32 to f64 and back
    bits, unbits, iadd, isub, iand, ior, shl, shr, sra,
    least, recip, scale, scale2                                 // as vleast, vrcp, vscale (p, z.n, z.t), vscale2
};

/// One operation of a recording. arg: the number of an operation before it; ~number of a constant if negative.
struct TraceOp {
    TraceCode code;
    TraceType type;                                             // of the result; none for a store
    uint16_t  index;
    int32_t   arg[3];
};
constexpr int32_t no_arg = INT32_MIN;

struct TraceConstant { TraceType type; uint64_t bits; };        // of 32-bit types: the lower half

/// What element i of a loop is in its operand: element i, or one of a pair, in halves of a row or next to each other.
enum class TracePlace : uint8_t { each, first_half, second_half, even, odd };
struct TraceTensor { uint8_t operand; TracePlace place; bool read, written; };

/// How a stage goes over a row. Sums start anew with 0 in every chain; `steps` is the length of these, as in
/// blocked_sum and precise_sum.
enum class TraceLoop : uint8_t { once, map, blocked_sum, precise_sum, sum_in_double, fold };
struct TraceStage {
    TraceLoop loop;
    bool      wanted;  // runs where `when`, a mask, is this; always where it is no_arg
    uint16_t  steps;
    int32_t   when, begin, end;                                 // operations begin .. end - 1
};

namespace impl {
struct Recorder;
/// A constant of these bits where `to` is null.
struct TraceNumber { Recorder* to; int32_t number; TraceType type; uint64_t bits; };

GK_API void* list_memory(void* p, size_t bytes, size_t kept);   // of 0 bytes: frees p
template <class T> class List {
public:
    List() = default;
    List(const List&) = delete;
    List& operator=(const List&) = delete;
    ~List()                               { clear(); }
    size_t   size() const                      { return size_; }
    T&       operator[](size_t i)              { return data_[i]; }
    const T& operator[](size_t i) const        { return data_[i]; }
    const T* begin() const                     { return data_; }
    const T* end() const                       { return data_ + size_; }
    void     clear()                           { data_ = static_cast<T*>(list_memory(data_, 0, 0)); size_ = room_ = 0; }
    bool     push(const T& v) {
        if (size_ == room_) {
            const size_t room = room_ ? 2 * room_ : 16;
            T* const     more = static_cast<T*>(list_memory(data_, room * sizeof(T), size_ * sizeof(T)));
            if (!more) return false;
            data_ = more;
            room_ = room;
        }
        data_[size_++] = v;
        return true;
    }
    void     pop()                             { size_--; }
    bool     fill(size_t n, const T& v) {                       // n of them
        for (size_ = 0; size_ < n;) if (!push(v)) return false;
        return true;
    }
private:
    T*     data_ = nullptr;
    size_t size_ = 0, room_ = 0;
};
}

/// What one row of an operation computes, in f32: stages in order, each a loop over the row, or code that runs once.
struct OpTrace {
    char           name[32];
    OpKind         kind;
    ComputePattern pattern;
    uint8_t        operands, parameters;                        // rows of memory, the outputs last or in place; scalars
    impl::List<TraceTensor>   tensors;
    impl::List<TraceOp>       ops;
    impl::List<TraceConstant> constants;
    impl::List<TraceStage>    stages;
};

/// A float, or the outcome of a comparison, in a recording. What is done with it is appended to the recording.
class TraceValue {
public:
    GK_API TraceValue(float constant);
    GK_API explicit TraceValue(const impl::TraceNumber& n) : number(n) {}
    impl::TraceNumber number;
};
class TraceMask {
public:
    GK_API explicit TraceMask(const impl::TraceNumber& n) : number(n) {}
    impl::TraceNumber number;
};
GK_API TraceValue operator+(TraceValue a, TraceValue b);
GK_API TraceValue operator-(TraceValue a, TraceValue b);
GK_API TraceValue operator*(TraceValue a, TraceValue b);
GK_API TraceValue operator/(TraceValue a, TraceValue b);
GK_API TraceValue operator-(TraceValue a);
GK_API TraceMask  operator<(TraceValue a, TraceValue b);
GK_API TraceValue select(TraceMask m, TraceValue a, TraceValue b);
GK_API TraceValue fma (TraceValue a, TraceValue b, TraceValue c);
GK_API TraceValue abs (TraceValue x);
GK_API TraceValue sqrt(TraceValue x);
GK_API TraceValue exp (TraceValue x);
GK_API TraceValue tanh(TraceValue x);
inline float select(bool m, float a, float b) { return m ? a : b; }

/// The recordings of the library's operations, and of the user's own, which are written once, for a float and for what
/// records: registry.add("softsign", [](auto x) { using std::abs; return x / (1.0f + abs(x)); }). One thread at a time.
class ScalarOpRegistry {
public:
    ScalarOpRegistry() = default;
    ScalarOpRegistry(const ScalarOpRegistry&) = delete;
    ScalarOpRegistry& operator=(const ScalarOpRegistry&) = delete;
    GK_API ~ScalarOpRegistry();
    GK_API const OpTrace* find(OpKind kind);  // recorded when first asked for; null for `user`, or without memory
    GK_API const OpTrace* find(const char* name) const;         // one that was added
    template <class F> Status add(const char* name, const F& f) {
        using V = TraceValue;
        if constexpr (std::is_invocable_r<V, const F&, V>::value)
            return record(name, 1, [](const void* g, const V* x) -> V {
                return (*static_cast<const F*>(g))(x[0]);
            }, &f);
        else if constexpr (std::is_invocable_r<V, const F&, V, V>::value)
            return record(name, 2, [](const void* g, const V* x) -> V {
                return (*static_cast<const F*>(g))(x[0], x[1]);
            }, &f);
        else
            return record(name, 3, [](const void* g, const V* x) -> V {
                return (*static_cast<const F*>(g))(x[0], x[1], x[2]);
            }, &f);
    }
private:
    GK_API Status record(const char* name, uint8_t inputs, TraceValue (*call)(const void* f, const TraceValue* x),
            const void* f);
    impl::List<OpTrace*> traces_;
};

// ---- the graph compiler ---------------------------------------------------------

constexpr size_t   any_rows = SIZE_MAX;                         // as many as run() is given
constexpr uint32_t no_node  = UINT32_MAX;

struct TensorShape {
    size_t rows, cols;
    TensorShape(size_t n) : rows(1), cols(n) {}
    TensorShape(size_t m, size_t n) : rows(m), cols(n) {}
};
/// [rows][cols] numbers, row-major. An open one has `rows` for each row that run() is given. indices: int32_t.
struct TensorDesc {
    DType     dtype = DType::f32;
    QuantType quant = QuantType::Q8_0;                          // of blocks
    bool      indices = false, open = false;
    size_t    rows = 0, cols = 0;
};
struct TensorRef { uint32_t node = no_node; };

/// convert: to another element type, or a copy; only in a SemanticDAG. kernel: what an OpKind or a user's trace says.
enum class CompilerOp : uint8_t { input, weight, kernel, matmul, matmul_t, reshape, transpose, concat, slice, embedding,
        convert };

struct CompilerNode {
    CompilerOp     op = CompilerOp::input;
    OpKind         kind = OpKind::user;                         // of a kernel
    uint8_t        inputs = 0;
    uint32_t       input[4] = {no_node, no_node, no_node, no_node};
    TensorDesc     desc;                                        // of inputs and weights; of others compile finds it
    float          parameter[2] = {0, 0};                       // scale, epsilon and the like
    size_t         size[2] = {0, 0};  // reshape: columns; slice: first column, columns; rope: head_dim, n_rot
    const OpTrace* trace = nullptr;                             // of a user's kernel; compile() reads it
    char           name[48] = "";
};

/// Operations, each of earlier ones. Building never fails: what is wrong, compile says. All values are [rows][cols]
/// f32; inputs and weights may be of 16 bits, and are widened. Elementwise operations take operands of equal shape, and
/// rows [1][cols] that meet every row.
class CompilerGraph {
public:
    struct Output { uint32_t node; DType dtype; };
    CompilerGraph() = default;
    CompilerGraph(const CompilerGraph&) = delete;
    CompilerGraph& operator=(const CompilerGraph&) = delete;

    GK_API TensorRef input(TensorShape shape, DType dtype = DType::f32, const char* name = "");
    GK_API TensorRef indices(size_t rows, const char* name = "");       // int32_t [rows], for embedding
    GK_API TensorRef weight(const char* name, TensorShape shape, DType dtype = DType::f32);
    GK_API TensorRef quant_weight(const char* name, QuantType type, size_t rows, size_t cols);

    GK_API TensorRef op(OpKind kind, TensorRef a, TensorRef b = {}, TensorRef c = {});
    GK_API TensorRef op(const OpTrace* user, TensorRef a, TensorRef b = {}, TensorRef c = {});
    TensorRef add(TensorRef a, TensorRef b)                     { return op(OpKind::add, a, b); }
    TensorRef sub(TensorRef a, TensorRef b)                     { return op(OpKind::sub, a, b); }
    TensorRef mul(TensorRef a, TensorRef b)                     { return op(OpKind::mul, a, b); }
    TensorRef div(TensorRef a, TensorRef b)                     { return op(OpKind::div, a, b); }
    TensorRef max(TensorRef a, TensorRef b)                     { return op(OpKind::max, a, b); }
    TensorRef min(TensorRef a, TensorRef b)                     { return op(OpKind::min, a, b); }
    TensorRef swiglu(TensorRef gate, TensorRef up)              { return op(OpKind::swiglu, gate, up); }
    TensorRef softmax(TensorRef x)                              { return op(OpKind::softmax, x); }
    GK_API TensorRef scale(TensorRef x, float s);
    GK_API TensorRef offset(TensorRef x, float s);                                          // x + s
    GK_API TensorRef clamp(TensorRef x, float low, float high);
    GK_API TensorRef axpy(TensorRef y, float a, TensorRef x);                               // y + a x
    GK_API TensorRef rms_norm(TensorRef x, TensorRef weight, float eps);
    GK_API TensorRef layer_norm(TensorRef x, TensorRef gamma, TensorRef beta, float eps);
    /// Row r of x, heads of head_dim, turns by row r of cos and sin [rows or 1][n_rot / 2].
    GK_API TensorRef rope(TensorRef x, TensorRef cos, TensorRef sin, size_t head_dim, RopeStyle style,
            size_t n_rot = 0);
    GK_API TensorRef matmul(TensorRef a, TensorRef b);          // A[m][k] B[k][n]
    GK_API TensorRef matmul_t(TensorRef a, TensorRef b);        // A[m][k] B[n][k]^T; B may be quantised
    GK_API TensorRef reshape(TensorRef x, size_t cols);         // rows follow
    GK_API TensorRef transpose(TensorRef x);
    GK_API TensorRef concat(TensorRef a, TensorRef b, TensorRef c = {}, TensorRef d = {});  // side by side
    GK_API TensorRef slice(TensorRef x, size_t begin, size_t cols);  // columns begin .. begin + cols - 1
    GK_API TensorRef embedding(TensorRef table, TensorRef indices);                         // rows of a weight
    GK_API void      output(TensorRef x, DType dtype = DType::f32);

    GK_API TensorRef append(const CompilerNode& node);
    size_t              size() const                            { return nodes_.size(); }
    CompilerNode&       node(size_t i)                          { return nodes_[i]; }
    const CompilerNode& node(size_t i) const                    { return nodes_[i]; }
    const impl::List<Output>& outputs() const                   { return outputs_; }
    /// False for want of memory, or of node numbers.
    bool                complete() const                        { return !failed_; }
private:
    impl::List<CompilerNode> nodes_;
    impl::List<Output>       outputs_;
    bool                     failed_ = false;
};

/// What choices are made for. flops_per_byte: from where on computing takes longer than memory.
struct DeviceProfile {
    Isa    isa = Isa::scalar;
    size_t l1_bytes = 32768, l2_bytes = 524288;
    double flops_per_byte = 1;
    GK_API static DeviceProfile host();
};

struct CompileOptions {
    bool      loop_fusion = true;
    bool      row_bands = true;                                 // products and what is around them, some rows at a time
    bool      pack_weights = true;                              // those that L2 holds: copied by bind()
    bool      machine_code = true;  // where the system lends memory for it; else the interpreter runs
    bool      products = true;                                  // small ones, and what is behind them, in machine code
    bool      in_place = true, share_buffers = true;            // of intermediates
    bool      poison = false;                                   // NaN into memory that holds nothing: for tests
    Precision precision = Precision::exact;                     // of quantised products
    size_t    tile_bytes = 0;                                   // of what a tile or a band works on; 0: by the caches
};

enum class OpClass    : uint8_t { source, view, elementwise, injective, reduction, gemm, opaque };
enum class Bottleneck : uint8_t { memory, compute };

/// A node that outputs depend on, in an order of execution. Figures are those of one row, where rows are open.
struct SemanticNode {
    uint32_t       node;                                        // of the graph; of a convert, that which it converts
    CompilerOp     op;
    OpKind         kind;
    OpClass        op_class;
    Bottleneck     bottleneck;
    uint8_t        inputs;
    uint32_t       input[4];                                    // of the DAG
    TensorDesc     desc;
    float          parameter[2];
    size_t         size[2];
    double         flops, bytes;
    uint32_t       uses;                                        // by other nodes
    char           name[48];
};
struct SemanticDAG { impl::List<SemanticNode> nodes; };

/// single: one operation of rows; kernel_call: one whole operation; loop_fusion: several, tile by tile.
enum class FusionStrategy : uint8_t { single, kernel_call, loop_fusion };
struct FusionGroup {
    FusionStrategy strategy;
    bool           columns, flat;                               // a tile may be a part of rows; rows are one long row
    uint32_t       begin, end;                                  // of FusionPlan::nodes
    uint32_t       slots, streams;  // intermediates that a tile holds at a time; other operands and results
    uint32_t       scratch;                                     // an alloc, or no_node
    uint32_t       unit, units;  // the first of CodeGenPlan::units, how many; the interpreter runs the rest
    uint32_t       band;                                        // of FusionPlan::bands, or no_node
    bool           injected;                                    // may run on the sums of the product, the group before
};
/// Groups begin .. end - 1: products by packed weights, and what is before, between and behind them. All of them go
/// over `rows` rows, then over the next ones: what one group leaves the next one finds in the second-level cache.
struct FusionBand {
    uint32_t begin, end;
    size_t   rows, tasks;                                       // for the rows last planned for; tasks at a time
};
/// Groups in order of execution.
struct FusionPlan {
    impl::List<uint32_t>    nodes;
    impl::List<FusionGroup> groups;
    impl::List<FusionBand>  bands;
};

enum class BufferUse : uint8_t { value, workspace, tiles };     // of kernels; of the tiles of a group
/// Bytes of scratch from group `begin` to group `end`, the last that reads them.
struct BufferAlloc {
    BufferUse use;
    uint32_t  node, begin, end, values;                         // the first value, how many take turns in place
    uint32_t  band;                                             // each task of it has its own; or no_node
    size_t    bytes, offset;                                    // for the rows last planned for
};
struct BufferPlan {
    impl::List<BufferAlloc> allocs;
    size_t                  rows = 0, bytes = 0;
};

/// A pointer of a unit: to the value of a node of the DAG, elements of `bytes`; still: to one row of it for every row.
struct PtrSource { uint32_t node; uint8_t bytes; bool still; size_t row_bytes; };      // from row to row
/// A function of machine code for some operations of a group, constants behind it. What only one function needs stays
/// in registers; the functions of a group go over one tile after another. That of a product, which may take the next
/// group along, has pointers to its two matrices behind the others.
struct CodeGenUnit {
    size_t   offset, bytes;                                     // of CodeGenPlan::code
    uint32_t first, last;                                       // of FusionPlan::nodes
    uint32_t begin, end;                                        // of CodeGenPlan::pointers
    uint32_t registers, constants, kept, spilled;  // of vectors; how many, in registers; values on the stack
};
struct CodeGenPlan {
    impl::List<CodeGenUnit> units;
    impl::List<PtrSource>   pointers;
    const uint8_t*          code  = nullptr;                    // to be executed, and read
    size_t                  bytes = 0;
};

/// A graph, ready to run. One thread at a time. Weights belong to the caller, and must outlive it, as must its pool.
/// After a change of numbers in a weight bind it again: some are packed.
class CompiledLayer {
public:
    CompiledLayer() = default;
    GK_API ~CompiledLayer();
    CompiledLayer(const CompiledLayer&) = delete;
    CompiledLayer& operator=(const CompiledLayer&) = delete;

    Parallel  parallel;
    Workspace workspace;

    /// compile_error: message() names the node. A layer that fails to compile is what it was before.
    GK_API Status compile(const CompilerGraph& graph, const DeviceProfile& profile, const CompileOptions& options = {});
    GK_API const char* message() const                          { return message_; }        // of the last error
    /// Blocks may lie at any address, others are aligned to their elements. out_of_memory: a weight is packed here.
    GK_API Status bind(const char* name, const void* weight);
    /// Inputs and outputs in the order in which the graph has them. Outputs may overlap nothing. An index that the
    /// table does not have is a runtime_error. Results are those of CpuKernels, operation by operation, on the set of
    /// the profile; products by packed weights those of gemm_prepacked.
    GK_API Status run(const void* const* inputs, void* const* outputs, size_t rows = 1);
    GK_API Status run(const float* input, float* output, size_t rows = 1);      // of a graph of one of each, both f32
    GK_API size_t scratch_bytes(size_t rows = 1);               // enough, at this parallel.width; 0 where it overflows
    /// "interpreter"; the instruction set, where groups are machine code; "" before anything is compiled.
    GK_API const char* backend() const;
    GK_API void describe(void (*write)(void* user, const char* text, size_t n), void* user) const;
    GK_API void dot(void (*write)(void* user, const char* text, size_t n), void* user) const;
    /// Null before anything is compiled.
    GK_API const SemanticDAG* dag() const;
    GK_API const FusionPlan*  fusion() const;
    GK_API const BufferPlan*  buffers() const;                  // offsets: as of the last run() or scratch_bytes()
    GK_API const CodeGenPlan* code() const;                     // no units: the interpreter runs everything
private:
    struct State;
    State* state_ = nullptr;
    char   message_[160] = "";
};
inline Status compile_graph(const CompilerGraph& graph, const DeviceProfile& profile, CompiledLayer& layer,
                            const CompileOptions& options = {}) {
    return layer.compile(graph, profile, options);
}

/// Layers by graph, profile and options, for programs that build their graphs where they use them. Safe for threads.
class CompilationCache {
public:
    GK_API explicit CompilationCache(size_t most = 64);         // layers to keep: those used last
    GK_API ~CompilationCache();                                 // all layers were given back
    CompilationCache(const CompilationCache&) = delete;
    CompilationCache& operator=(const CompilationCache&) = delete;

    /// A layer of this graph that nobody has, as its last user left it, weights bound; or a new one. Null where it
    /// fails: CompiledLayer::compile() names the node.
    GK_API Status take(const CompilerGraph& graph, const DeviceProfile& profile, CompiledLayer** layer,
                       const CompileOptions& options = {});
    GK_API void   give_back(CompiledLayer* layer);              // one that was taken, or null
    GK_API size_t size() const;                                 // layers; more than `most` only while all are taken
private:
    struct State;
    State* state_;
    size_t most_;
};
#endif

GK_PUBLIC_END

#endif // GLLM_KERNELS_HPP

#if defined(GLLM_KERNELS_IMPLEMENTATION) && !defined(GLLM_KERNELS_IMPLEMENTED)
#define GLLM_KERNELS_IMPLEMENTED

// ============================================================================
// [3] CONFIGURATION AND PLATFORM
// ============================================================================

// gcc is told below to forget any part of it; clang cannot forget -ffinite-math-only.
#if (defined(__FAST_MATH__) || (defined(__clang__) && __FINITE_MATH_ONLY__)) && !defined(GLLM_KERNELS_ALLOW_FAST_MATH)
#error "gllm_kernels: compile the file that defines GLLM_KERNELS_IMPLEMENTATION without -ffast-math; or define \
GLLM_KERNELS_ALLOW_FAST_MATH and lose the promises on accuracy, NaN and infinity."
#endif

#ifndef GLLM_KERNELS_SELF
#define GLLM_KERNELS_SELF "gllm_kernels.hpp"
#endif
#ifdef __has_include
#if !__has_include(GLLM_KERNELS_SELF)
#error "gllm_kernels: the header includes itself by name; define GLLM_KERNELS_SELF as the name under which it is found."
#endif
#endif

#if defined(__clang__)             // what the user's flags ask of fast-math ends here, for the intrinsics too
#pragma float_control(precise, on, push)
#endif
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <atomic>
#if defined(GLLM_KERNELS_COMPILER) || defined(GLLM_KERNELS_MODEL) || defined(GLLM_KERNELS_THREADS)
#include <new>
#endif
#ifdef GLLM_KERNELS_THREADS
#include <condition_variable>
#include <mutex>
#include <thread>
#if defined(__GLIBCXX__) && !defined(_GLIBCXX_HAS_GTHREADS)
#error "gllm_kernels: GLLM_KERNELS_THREADS needs std::thread; take mingw-w64's compiler of POSIX threads: ..-g++-posix"
#endif
#endif

#if defined(__x86_64__) || defined(_M_X64) || defined(__i386__) || defined(_M_IX86)
#define GK_X86 1
#else
#define GK_X86 0
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
#define GK_ARM64 1
#else
#define GK_ARM64 0
#endif
#if defined(__arm__) && defined(__ARM_ARCH) && __ARM_ARCH >= 7 && defined(__ARM_PCS_VFP)
#define GK_ARM32 1
#else
#define GK_ARM32 0
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "gllm_kernels: model files are little-endian, and so must the target be."
#endif

#if GK_X86
#include <immintrin.h>
#ifdef _MSC_VER
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif
#if GK_ARM64 || GK_ARM32
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#endif
#if GK_ARM64 && defined(_WIN32)                                 // one of its functions: <windows.h> defines many macros
extern "C" __declspec(dllimport) int __stdcall IsProcessorFeaturePresent(unsigned long feature);
#endif

#ifndef GLLM_KERNELS_MALLOC
#define GLLM_KERNELS_MALLOC(bytes) malloc(bytes)
#define GLLM_KERNELS_FREE(p)       free(p)
#endif
#ifndef GLLM_KERNELS_ASSERT
#ifdef NDEBUG
#define GLLM_KERNELS_ASSERT(x) static_cast<void>(0)
#else
#include <assert.h>
#define GLLM_KERNELS_ASSERT(x) assert(x)
#endif
#endif

#ifdef _MSC_VER
#define GK_INL      static __forceinline
#define GK_MEM      __forceinline
#define GK_INLINED
#define GK_NOINLINE __declspec(noinline)
#define GK_UNROLL(n)
#elif defined(__clang__)
#define GK_INL      static inline __attribute__((always_inline))
#define GK_MEM      inline __attribute__((always_inline))
#define GK_INLINED  __attribute__((always_inline))              // of a lambda
#define GK_NOINLINE __attribute__((noinline))
#define GK_UNROLL(n) GK_PRAGMA(unroll n)
#else
#define GK_INL      static inline __attribute__((always_inline))
#define GK_MEM      inline __attribute__((always_inline))
#define GK_INLINED  __attribute__((always_inline))              // of a lambda
#define GK_NOINLINE __attribute__((noinline))
#ifdef __SANITIZE_ADDRESS__        // each access is checked by so much code that this halves the time of compilation
#define GK_UNROLL(n)
#else
#define GK_UNROLL(n) GK_PRAGMA(GCC unroll n)
#endif
#endif

// A region: the instruction sets of every function in it.
#if defined(_MSC_VER) && !defined(__clang__)
#define GK_REGION(features)
#define GK_REGION_END
#elif defined(__clang__)
#define GK_REGION(features) GK_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define GK_REGION_END       GK_PRAGMA(clang attribute pop)
#else
#define GK_REGION(features) GK_PRAGMA(GCC push_options) GK_PRAGMA(GCC target(features))
#define GK_REGION_END       GK_PRAGMA(GCC pop_options)
#endif

// The passes, and which of them this file compiles: all, or the one that GLLM_KERNELS_ONLY_PASS names (dispatch is all
// the rest).
#define GK_SCALAR 1
#define GK_AVX2   2
#define GK_AVX512 3
#define GK_NEON   4
#define GK_TRACE  6                 // no instruction set: the operations record themselves, section [24]
// Features of them: each of the first four compiles section [15] once more. A CPU with I8MM has DOTPROD.
#define GK_AVXVNNI    1
#define GK_AVX512VNNI 2
#define GK_DOTPROD    3
#define GK_I8MM       4
#define GK_AMX        5            // kernels of section [16]
#define GK_AVX512BF16 6
#define GK_IN_ORDER   6            // of cores that take instructions in order
#ifdef GLLM_KERNELS_ONLY_PASS
#define GK_PASS_NAMED_scalar   GK_SCALAR
#define GK_PASS_NAMED_avx2     GK_AVX2
#define GK_PASS_NAMED_avx512   GK_AVX512
#define GK_PASS_NAMED_neon     GK_NEON
#define GK_PASS_NAMED_dispatch 5
#define GK_PASS_NAMED(name)    GK_PASS_NAMED_##name
#define GK_ONLY(name)          GK_PASS_NAMED(name)
#define GK_WANTED(pass)        (GK_ONLY(GLLM_KERNELS_ONLY_PASS) == (pass))
#elif defined(GK_EDITOR)
#define GK_WANTED(pass)        ((pass) == GK_DISPATCH)
#else
#define GK_WANTED(pass)        1
#endif
#define GK_DISPATCH 5
#if GK_X86 && !defined(GLLM_KERNELS_NO_AVX2)
#define GK_HAS_AVX2 1
#else
#define GK_HAS_AVX2 0
#endif
#if GK_HAS_AVX2 && !defined(GLLM_KERNELS_NO_AVX512)
#define GK_HAS_AVX512 1
#else
#define GK_HAS_AVX512 0
#endif
#if GK_HAS_AVX512 && defined(GLLM_KERNELS_ASM) && defined(__linux__) && defined(__x86_64__)
#define GK_HAS_TILES 1                                          // AMX: in assembly only, by leave of the Linux kernel
#else
#define GK_HAS_TILES 0
#endif
#if GK_HAS_AVX2 && (!defined(__GNUC__) || defined(__clang__) || __GNUC__ >= 11)
#define GK_HAS_AVX_VNNI 1
#else
#define GK_HAS_AVX_VNNI 0
#endif
#ifdef GLLM_KERNELS_NO_ATTENTION
#define GK_HAS_ATTENTION 0
#else
#define GK_HAS_ATTENTION 1
#endif
#if (GK_ARM64 || GK_ARM32) && !defined(GLLM_KERNELS_NO_NEON)
#define GK_HAS_NEON 1
#else
#define GK_HAS_NEON 0
#endif
// clang's header wants these two features from the start.
#if GK_HAS_NEON && GK_ARM64 && (!defined(__clang__) || defined(__ARM_FEATURE_DOTPROD))
#define GK_HAS_DOTPROD 1
#else
#define GK_HAS_DOTPROD 0
#endif
#if GK_HAS_DOTPROD && (!defined(__clang__) || defined(__ARM_FEATURE_MATMUL_INT8))
#define GK_HAS_I8MM 1
#else
#define GK_HAS_I8MM 0
#endif

// a b + c is two roundings unless it is written as a fused operation; sums keep their order, NaN and infinities exist.
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off", "no-unsafe-math-optimizations", "no-associative-math", "no-reciprocal-math")
#pragma GCC optimize("no-finite-math-only", "signed-zeros", "trapping-math")
#endif

// ============================================================================
// [4] ELEMENT TYPES
// ============================================================================

GK_NAMESPACE_BEGIN
namespace impl {

template <class T> GK_INL T load_as(const void* p) { T v; memcpy(&v, p, sizeof v); return v; }
GK_INL uint16_t load16(const void* p)              { return load_as<uint16_t>(p); }
GK_INL uint32_t load32(const void* p)              { return load_as<uint32_t>(p); }
GK_INL uint64_t load64(const void* p)              { return load_as<uint64_t>(p); }
GK_INL uint32_t f32_bits(float f)                  { uint32_t u; memcpy(&u, &f, 4); return u; }
GK_INL float    f32_from_bits(uint32_t u)          { float f; memcpy(&f, &u, 4); return f; }

GK_INL float bf16_to_f32(uint16_t h)               { return f32_from_bits(static_cast<uint32_t>(h) << 16); }
GK_INL uint16_t f32_to_bf16(float f) {
    const uint32_t x = f32_bits(f);
    if ((x & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((x >> 16) | 0x40);
    return static_cast<uint16_t>((x + 0x7fff + ((x >> 16) & 1)) >> 16);
}

/// Exact, subnormals and all: integer work only, so that no floating-point mode of the caller's matters.
GK_INL float f16_to_f32(uint16_t h) {
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
    uint32_t exponent = (h >> 10) & 31, fraction = h & 1023u;
    if (exponent == 31) return f32_from_bits(sign | 0x7f800000u | (fraction << 13) | (fraction ? 0x400000u : 0));
    if (exponent == 0) {
        if (fraction == 0) return f32_from_bits(sign);
        exponent = 1;
        while (!(fraction & 1024)) { fraction <<= 1; exponent--; }
        fraction &= 1023;
    }
    return f32_from_bits(sign | ((exponent + 112) << 23) | (fraction << 13));
}
GK_INL uint16_t f32_to_f16(float f) {
    const uint32_t x = f32_bits(f), sign = (x >> 16) & 0x8000, magnitude = x & 0x7fffffffu;
    if (magnitude > 0x7f800000u)  return static_cast<uint16_t>(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
    if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00);          // 65520 and above
    if (magnitude < 0x33000000u)  return static_cast<uint16_t>(sign);                    // below 2^-25
    uint32_t fraction = magnitude, drop = 13;
    if (magnitude < 0x38800000u) {                                                       // subnormal in binary16
        drop     = 126 - (magnitude >> 23);
        fraction = (magnitude & 0x7fffff) | 0x800000;
    } else {
        fraction -= 112u << 23;
    }
    const uint32_t kept = fraction >> drop, rest = fraction & ((1u << drop) - 1), half = 1u << (drop - 1);
    return static_cast<uint16_t>(sign | (kept + (rest > half || (rest == half && (kept & 1)))));
}

/// a b + c with one rounding up to 2^-29 ulp. Double holds the product exactly.
GK_INL float fma32(float a, float b, float c) {
#if GK_X86
    return static_cast<float>(static_cast<double>(a) * static_cast<double>(b) + static_cast<double>(c));
#else
    return fmaf(a, b, c);
#endif
}
GK_INL float sqrt32(float x) {
#ifdef _MSC_VER
    return sqrtf(x);
#else
    return __builtin_sqrtf(x);
#endif
}
/// Nearest integer, ties to even, for every float; adding 1.5 2^23 rounds where there is a fraction to round.
GK_INL float round32(float x) {
    const float big = 12582912.0f, y = x < 0 ? -x : x;
    if (!(y < 4194304.0f)) return y < 8388608.0f ? nearbyintf(x) : x;
    const float r = (x + big) - big;
    return r == 0 ? f32_from_bits(f32_bits(x) & 0x80000000u) : r;
}

GK_INL double   sqrt64(double x) {
#ifdef _MSC_VER
    return ::sqrt(x);
#else
    return __builtin_sqrt(x);
#endif
}
constexpr float infinity  = __builtin_huge_valf();
constexpr float quiet_nan = __builtin_nanf("");
constexpr float largest_float = 3.4028234663852886e38f;

GK_INL float to_f32(float v)                       { return v; }
GK_INL float to_f32(f16 v)                         { return f16_to_f32(v.bits); }
GK_INL float to_f32(bf16 v)                        { return bf16_to_f32(v.bits); }
GK_INL void  from_f32(float v, float* e)           { *e = v; }
GK_INL void  from_f32(float v, f16* e)             { e->bits = f32_to_f16(v); }
GK_INL void  from_f32(float v, bf16* e)            { e->bits = f32_to_bf16(v); }

/// The first n < 16 elements, without a call.
template <class E> GK_INL void copy_few(E* to, const E* from, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = from[i];
}

/// The 16 words from index 16 - n on have their first n set: lane masks by an unaligned load.
constexpr int32_t mask_ramp[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

} // namespace impl

GK_NAMESPACE_END

// ============================================================================
// [5] QUANT LAYOUTS: one struct and picture per format
// ============================================================================
//
// A row of k weights is k / weights blocks, one after another, at any alignment: fields are bytes, little-endian, read
// with load16 and load32. "low first" numbers bits, or fields of bits, from the least significant up; rows of nibbles
// or bits hold their weights as pictured. Integers are unsigned unless marked.

// What the build holds: the layouts are always there, decoders and codebooks of a family can be left out.
#ifdef GLLM_KERNELS_NO_KQUANT
#define GK_HAS_KQUANT 0
#else
#define GK_HAS_KQUANT 1
#endif
#ifdef GLLM_KERNELS_NO_IQ
#define GK_HAS_IQ 0
#else
#define GK_HAS_IQ 1
#endif
#ifdef GLLM_KERNELS_NO_CHECKPOINTS
#define GK_HAS_CHECKPOINTS 0
#else
#define GK_HAS_CHECKPOINTS 1
#endif
#define GK_HAS_ALWAYS 1

GK_NAMESPACE_BEGIN
namespace impl {

/// Q2_K -- 256 weights, 84 bytes, 2.625 bits per weight; a ggml K-quant.
///         w[i] = d sc[j] q[i] - dmin mn[j],   j = i / 16,   q, sc, mn unsigned
///
///   byte  0                     16                                      80     82     84
///         +---------------------+---------------------------------------+------+------+
///         | sm: 16 x (mn, sc)   | qs: 2 rows of 32 bytes                |  d   | dmin |
///         +---------------------+---------------------------------------+------+------+
///           4 bits each, sc low   bits 2k of row r = 128r + 32k + 0..31   f16    f16
struct block_q2_k {
    static constexpr size_t weights = 256;
    uint8_t sm[16], qs[64], d[2], dmin[2];
};
static_assert(sizeof(block_q2_k) == 84 && alignof(block_q2_k) == 1, "Q2_K is 84 bytes");

/// Q3_K -- 256 weights, 110 bytes, 3.4375 bits per weight; a ggml K-quant.
///         w[i] = d (sc[j] - 32) (q[i] + 4 h[i] - 4),   j = i / 16,   q 2 bits, h 1 bit, sc 6 bits
///
///   byte  0                     32                                      96                108    110
///         +---------------------+---------------------------------------+-----------------+------+
///         | hs: 32 bytes        | qs: 2 rows of 32 bytes                | sc: 16 x 6 bits |  d   |
///         +---------------------+---------------------------------------+-----------------+------+
///           bit g = 32g + 0..31   bits 2k of row r = 128r + 32k + 0..31                     f16
///   sc[b]:     low 4 bits in byte b % 8, the low nibble for b < 8
///              high 2 bits in byte 8 + b % 4, at bit 2 (b / 4)
struct block_q3_k {
    static constexpr size_t weights = 256;
    uint8_t hs[32], qs[64], sc[12], d[2];
};
static_assert(sizeof(block_q3_k) == 110 && alignof(block_q3_k) == 1, "Q3_K is 110 bytes");

/// Q4_K -- 256 weights, 144 bytes, 4.5 bits per weight; a ggml K-quant.
///         w[i] = d sc[j] q[i] - dmin mn[j],   j = i / 32,   q 4 bits, sc and mn 6 bits
///
///   byte  0      2      4                   16                                    144
///         +------+------+-------------------+-------------------------------------+
///         |  d   | dmin | sm: 8 x (sc, mn)  | qs: 4 rows of 32 bytes              |
///         +------+------+-------------------+-------------------------------------+
///           f16    f16    6 bits each         low nibbles of row r = 64r +  0..31
///                                             high nibbles        = 64r + 32..63
///   sm[0..3]    sc[4..7] bits 5:4 | sc[0..3]            (bits 7:6 | 5:0)
///   sm[4..7]    mn[4..7] bits 5:4 | mn[0..3]
///   sm[8..11]   mn[4..7] bits 3:0 | sc[4..7] bits 3:0   (bits 7:4 | 3:0)
struct block_q4_k {
    static constexpr size_t weights = 256;
    uint8_t d[2], dmin[2], sm[12], qs[128];
};
static_assert(sizeof(block_q4_k) == 144 && alignof(block_q4_k) == 1, "Q4_K is 144 bytes");

/// Q5_K -- 256 weights, 176 bytes, 5.5 bits per weight; a ggml K-quant.
///         w[i] = d sc[j] (q[i] + 16 h[i]) - dmin mn[j],   j = i / 32,   sm and qs as in Q4_K
///
///   byte  0      2      4                   16                    48                       176
///         +------+------+-------------------+---------------------+------------------------+
///         |  d   | dmin | sm: 8 x (sc, mn)  | hs: 32 bytes        | qs: 4 rows of 32 bytes |
///         +------+------+-------------------+---------------------+------------------------+
///           f16    f16    6 bits each         bit g = 32g + 0..31   nibbles
struct block_q5_k {
    static constexpr size_t weights = 256;
    uint8_t d[2], dmin[2], sm[12], hs[32], qs[128];
};
static_assert(sizeof(block_q5_k) == 176 && alignof(block_q5_k) == 1, "Q5_K is 176 bytes");

/// Q6_K -- 256 weights, 210 bytes, 6.5625 bits per weight; a ggml K-quant.
///         w[i] = d sc[j] (q[i] + 16 h[i] - 32),   j = i / 16,   q 4 bits, h 2 bits, sc int8
///
///   byte  0                                               128                                     192        208   210
///         +-----------------------------------------------+---------------------------------------+----------+------+
///         | qs: 2 x 2 rows of 32 bytes                    | hs: 2 rows of 32 bytes                | sc[16]   |  d   |
///         +-----------------------------------------------+---------------------------------------+----------+------+
///           row (c, p): low nibbles  = 128c + 32p + 0..31   bits 2k of row c = 128c + 32k + 0..31   int8       f16
///                       high nibbles = 128c + 32p + 64..95
struct block_q6_k {
    static constexpr size_t weights = 256;
    uint8_t qs[128], hs[64], sc[16], d[2];
};
static_assert(sizeof(block_q6_k) == 210 && alignof(block_q6_k) == 1, "Q6_K is 210 bytes");

/// Q8_K -- 256 weights, 292 bytes, 9.125 bits per weight; a ggml K-quant, for activations.
///         w[i] = d q[i]
///
///   byte  0      4                 260                               292
///         +------+-----------------+---------------------------------+
///         |  d   | qs: 256 bytes   | sums: 16 x int16                |
///         +------+-----------------+---------------------------------+
///           f32    int8              of 16 codes each; not read here
struct block_q8_k {
    static constexpr size_t weights = 256;
    uint8_t d[4], qs[256], sums[32];
};
static_assert(sizeof(block_q8_k) == 292 && alignof(block_q8_k) == 1, "Q8_K is 292 bytes");

/// IQ1_S -- 256 weights, 50 bytes, 1.5625 bits per weight; a ggml IQ format.
///         w[i] = d (2s + 1) (grid[i] +- 1/8),   one s and one sign for 32 weights, grid rows of 8 from iq1_grid
///
///   byte  0      2                           34                               50
///         +------+---------------------------+--------------------------------+
///         |  d   | qs: 32 bytes              | qh: 8 words of 16 bits         |
///         +------+---------------------------+--------------------------------+
///           f16    row index, bits 7:0         for 32 weights each
///   qh[g]:  sign | s     | bits 10:8 of row 3 | of row 2 | of row 1 | of row 0
///   bits    15     14:12   11:9                 8:6        5:3        2:0
struct block_iq1_s {
    static constexpr size_t weights = 256;
    uint8_t d[2], qs[32], qh[16];
};
static_assert(sizeof(block_iq1_s) == 50 && alignof(block_iq1_s) == 1, "IQ1_S is 50 bytes");

/// IQ1_M -- 256 weights, 56 bytes, 1.75 bits per weight; a ggml IQ format.
///         w[i] = d (2s + 1) (grid[i] +- 1/8),   one s for 16 weights, one sign for 8, grid rows of 8 from iq1_grid
///
///   byte  0                        32                          48                         56
///         +------------------------+---------------------------+--------------------------+
///         | qs: 32 bytes           | qh: 32 nibbles, low first | sc: 4 words of 16 bits   |
///         +------------------------+---------------------------+--------------------------+
///           row index, bits 7:0      sign | bits 10:8 of a row   each for 64 weights
///   sc[n]:  nibble n of the f16 d | s3 | s2 | s1 | s0      (bits 15:12 | 11:9 | 8:6 | 5:3 | 2:0)
struct block_iq1_m {
    static constexpr size_t weights = 256;
    uint8_t qs[32], qh[16], sc[8];
};
static_assert(sizeof(block_iq1_m) == 56 && alignof(block_iq1_m) == 1, "IQ1_M is 56 bytes");

/// IQ2_XXS -- 256 weights, 66 bytes, 2.0625 bits per weight; a ggml IQ format.
///         w[i] = +- d (2s + 1) / 8 grid[i],   one s for 32 weights, grid rows of 8 from iq2_xxs_grid
///
///   byte  0      2                                66
///         +------+--------------------------------+
///         |  d   | qs: 8 x 8 bytes                |
///         +------+--------------------------------+
///           f16    one record for 32 weights each
///   record:  4 row indices, then a word s     | signs 3 | signs 2 | signs 1 | signs 0
///   bits                                31:28   27:21     20:14     13:7      6:0
///   signs t: bit j negates weight j of row t; weight 7 makes the number of minus signs even
struct block_iq2_xxs {
    static constexpr size_t weights = 256;
    uint8_t d[2], qs[64];
};
static_assert(sizeof(block_iq2_xxs) == 66 && alignof(block_iq2_xxs) == 1, "IQ2_XXS is 66 bytes");

/// IQ2_XS -- 256 weights, 74 bytes, 2.3125 bits per weight; a ggml IQ format.
///         w[i] = +- d (2s + 1) / 8 grid[i],   one s for 16 weights, grid rows of 8 from iq2_xs_grid
///
///   byte  0      2                                  66                        74
///         +------+----------------------------------+-------------------------+
///         |  d   | qs: 32 words of 16 bits          | sc: 16 nibbles          |
///         +------+----------------------------------+-------------------------+
///           f16    signs, as in IQ2_XXS | row index   low first
///   qs[r]:  bits 15:9 | 8:0
struct block_iq2_xs {
    static constexpr size_t weights = 256;
    uint8_t d[2], qs[64], sc[8];
};
static_assert(sizeof(block_iq2_xs) == 74 && alignof(block_iq2_xs) == 1, "IQ2_XS is 74 bytes");

/// IQ2_S -- 256 weights, 82 bytes, 2.5625 bits per weight; a ggml IQ format.
///         w[i] = +- d (2s + 1) / 8 grid[i],   one s for 16 weights, grid rows of 8 from iq2_s_grid
///
///   byte  0      2                     34                         66                    74                82
///         +------+---------------------+--------------------------+---------------------+-----------------+
///         |  d   | qs: 32 bytes        | signs: 256 bits          | qh: 32 x 2 bits     | sc: 16 nibbles  |
///         +------+---------------------+--------------------------+---------------------+-----------------+
///           f16    row index, bits 7:0   set = minus                bits 9:8, low first   low first
struct block_iq2_s {
    static constexpr size_t weights = 256;
    uint8_t d[2], qs[32], signs[32], qh[8], sc[8];
};
static_assert(sizeof(block_iq2_s) == 82 && alignof(block_iq2_s) == 1, "IQ2_S is 82 bytes");

/// IQ3_XXS -- 256 weights, 98 bytes, 3.0625 bits per weight; a ggml IQ format.
///         w[i] = +- d (2s + 1) / 4 grid[i],   one s for 32 weights, grid rows of 4 from iq3_xxs_grid
///
///   byte  0      2                     66                                         98
///         +------+---------------------+------------------------------------------+
///         |  d   | qs: 64 bytes        | ss: 8 words of 32 bits                   |
///         +------+---------------------+------------------------------------------+
///           f16    row indices           s and four signs of 8, as in IQ2_XXS
struct block_iq3_xxs {
    static constexpr size_t weights = 256;
    uint8_t d[2], qs[64], ss[32];
};
static_assert(sizeof(block_iq3_xxs) == 98 && alignof(block_iq3_xxs) == 1, "IQ3_XXS is 98 bytes");

/// IQ3_S -- 256 weights, 110 bytes, 3.4375 bits per weight; a ggml IQ format.
///         w[i] = +- d (2s + 1) grid[i],   one s for 32 weights, grid rows of 4 from iq3_s_grid
///
///   byte  0      2                     66                 74                  106              110
///         +------+---------------------+------------------+-------------------+----------------+
///         |  d   | qs: 64 bytes        | qh: 64 bits      | signs: 256 bits   | sc: 8 nibbles  |
///         +------+---------------------+------------------+-------------------+----------------+
///           f16    row index, bits 7:0   bit 8, low first   set = minus         low first
struct block_iq3_s {
    static constexpr size_t weights = 256;
    uint8_t d[2], qs[64], qh[8], signs[32], sc[4];
};
static_assert(sizeof(block_iq3_s) == 110 && alignof(block_iq3_s) == 1, "IQ3_S is 110 bytes");

/// IQ4_NL -- 32 weights, 18 bytes, 4.5 bits per weight; a ggml IQ format.
///         w[i] = d iq4_levels[q[i]]
///
///   byte  0      2                                18
///         +------+--------------------------------+
///         |  d   | qs: 16 bytes                   |
///         +------+--------------------------------+
///           f16    low nibbles 0..15, high 16..31
struct block_iq4_nl {
    static constexpr size_t weights = 32;
    uint8_t d[2], qs[16];
};
static_assert(sizeof(block_iq4_nl) == 18 && alignof(block_iq4_nl) == 1, "IQ4_NL is 18 bytes");

/// IQ4_XS -- 256 weights, 136 bytes, 4.25 bits per weight; a ggml IQ format.
///         w[i] = d (s[j] - 32) iq4_levels[q[i]],   j = i / 32,   s 6 bits
///
///   byte  0      2                 4                 8                                            136
///         +------+-----------------+-----------------+--------------------------------------------+
///         |  d   | sh: 8 x 2 bits  | sl: 8 nibbles   | qs: 8 x 16 bytes                           |
///         +------+-----------------+-----------------+--------------------------------------------+
///           f16    s bits 5:4        s bits 3:0        per 32: low nibbles 0..15, high 16..31
///   sh and sl from the low bits up
struct block_iq4_xs {
    static constexpr size_t weights = 256;
    uint8_t d[2], sh[2], sl[4], qs[128];
};
static_assert(sizeof(block_iq4_xs) == 136 && alignof(block_iq4_xs) == 1, "IQ4_XS is 136 bytes");

/// AWQ4 -- 128 weights, 72 bytes, 4.5 bits per weight; AutoAWQ, rows made contiguous by pack_awq4.
///         w[i] = s (q[i] - z)
///
///   byte  0      2      4        8                                    72
///         +------+------+--------+------------------------------------+
///         |  s   |  z   |  zero  | qs: 64 bytes                       |
///         +------+------+--------+------------------------------------+
///           f16    f16             low nibbles 0..63, high 64..127
struct block_awq4 {
    static constexpr size_t weights = 128;
    uint8_t s[2], z[2], zero[4], qs[64];
};
static_assert(sizeof(block_awq4) == 72 && alignof(block_awq4) == 1, "AWQ4 is 72 bytes");

/// GPTQ4 -- 128 weights, 72 bytes, 4.5 bits per weight; GPTQ, rows made contiguous by pack_gptq4.
///         the same layout; columns in the order of perm
struct block_gptq4 : block_awq4 {};
static_assert(sizeof(block_gptq4) == 72 && alignof(block_gptq4) == 1, "GPTQ4 is 72 bytes");

/// SQUEEZE -- 256 weights, 130 bytes, 4.0625 bits per weight; SqueezeLLM, rows made contiguous by pack_squeeze.
///         w[i] = d level[q[i]],   q 3 bits
///
///   byte  0      2                                         98                 130
///         +------+-----------------------------------------+------------------+
///         |  d   | qs: 96 bytes                            | levels[8]        |
///         +------+-----------------------------------------+------------------+
///           f16    q[i] = bits 3i .. 3i+2 of one long word   f32
struct block_squeeze {
    static constexpr size_t weights = 256;
    uint8_t d[2], qs[96], levels[32];
};
static_assert(sizeof(block_squeeze) == 130 && alignof(block_squeeze) == 1, "SQUEEZE is 130 bytes");

/// Q4_0 -- 32 weights, 18 bytes, 4.5 bits per weight; a ggml legacy format.
///         w[i] = d (q[i] - 8)
///
///   byte  0      2                                18
///         +------+--------------------------------+
///         |  d   | qs: 16 bytes                   |
///         +------+--------------------------------+
///           f16    low nibbles 0..15, high 16..31
struct block_q4_0 {
    static constexpr size_t weights = 32;
    uint8_t d[2], qs[16];
};
static_assert(sizeof(block_q4_0) == 18 && alignof(block_q4_0) == 1, "Q4_0 is 18 bytes");

/// Q4_1 -- 32 weights, 20 bytes, 5 bits per weight; a ggml legacy format.
///         w[i] = d q[i] + m
///
///   byte  0      2      4                                20
///         +------+------+--------------------------------+
///         |  d   |  m   | qs: 16 bytes                   |
///         +------+------+--------------------------------+
///           f16    f16    nibbles, as in Q4_0
struct block_q4_1 {
    static constexpr size_t weights = 32;
    uint8_t d[2], m[2], qs[16];
};
static_assert(sizeof(block_q4_1) == 20 && alignof(block_q4_1) == 1, "Q4_1 is 20 bytes");

/// Q5_0 -- 32 weights, 22 bytes, 5.5 bits per weight; a ggml legacy format.
///         w[i] = d (q[i] + 16 h[i] - 16)
///
///   byte  0      2               6                                22
///         +------+---------------+--------------------------------+
///         |  d   | h: 32 bits    | qs: 16 bytes                   |
///         +------+---------------+--------------------------------+
///           f16    low first       nibbles, as in Q4_0
struct block_q5_0 {
    static constexpr size_t weights = 32;
    uint8_t d[2], h[4], qs[16];
};
static_assert(sizeof(block_q5_0) == 22 && alignof(block_q5_0) == 1, "Q5_0 is 22 bytes");

/// Q5_1 -- 32 weights, 24 bytes, 6 bits per weight; a ggml legacy format.
///         w[i] = d (q[i] + 16 h[i]) + m
///
///   byte  0      2      4               8                                24
///         +------+------+---------------+--------------------------------+
///         |  d   |  m   | h: 32 bits    | qs: 16 bytes                   |
///         +------+------+---------------+--------------------------------+
///           f16    f16    low first       nibbles, as in Q4_0
struct block_q5_1 {
    static constexpr size_t weights = 32;
    uint8_t d[2], m[2], h[4], qs[16];
};
static_assert(sizeof(block_q5_1) == 24 && alignof(block_q5_1) == 1, "Q5_1 is 24 bytes");

/// Q8_0 -- 32 weights, 34 bytes, 8.5 bits per weight; a ggml legacy format.
///         w[i] = d q[i]
///
///   byte  0      2                    34
///         +------+--------------------+
///         |  d   | qs: 32 bytes       |
///         +------+--------------------+
///           f16    int8
struct block_q8_0 {
    static constexpr size_t weights = 32;
    uint8_t d[2], qs[32];
};
static_assert(sizeof(block_q8_0) == 34 && alignof(block_q8_0) == 1, "Q8_0 is 34 bytes");

/// Q1_0 -- 128 weights, 18 bytes, 1.125 bits per weight; a ggml binary format.
///         w[i] = d (2 q[i] - 1)
///
///   byte  0      2                    18
///         +------+--------------------+
///         |  d   | qs: 128 bits       |
///         +------+--------------------+
///           f16    low first
struct block_q1_0 {
    static constexpr size_t weights = 128;
    uint8_t d[2], qs[16];
};
static_assert(sizeof(block_q1_0) == 18 && alignof(block_q1_0) == 1, "Q1_0 is 18 bytes");

/// Q2_0 -- 64 weights, 18 bytes, 2.25 bits per weight; a ggml two-bit format.
///         w[i] = d (q[i] - 1)
///
///   byte  0      2                    18
///         +------+--------------------+
///         |  d   | qs: 64 x 2 bits    |
///         +------+--------------------+
///           f16    low first
struct block_q2_0 {
    static constexpr size_t weights = 64;
    uint8_t d[2], qs[16];
};
static_assert(sizeof(block_q2_0) == 18 && alignof(block_q2_0) == 1, "Q2_0 is 18 bytes");

/// TQ1_0 -- 256 weights, 54 bytes, 1.6875 bits per weight; a ggml ternary format.
///         w[i] = d (digit - 1),   digit n of byte b = 3 (3^n b mod 256) / 256
///
///   byte  0                          32                            48                          52     54
///         +--------------------------+-----------------------------+---------------------------+------+
///         | qs: 32 bytes             | qm: 16 bytes                | ql: 4 bytes               |  d   |
///         +--------------------------+-----------------------------+---------------------------+------+
///           digit n = 32n + 0..31      digit n = 160 + 16n + 0..15   digit n = 240 + 4n + 0..3   f16
///   n = 0..4, in ql 0..3; a byte is the fraction 0.a0 a1 a2 a3 a4 to base 3, in 256ths
struct block_tq1_0 {
    static constexpr size_t weights = 256;
    uint8_t qs[32], qm[16], ql[4], d[2];
};
static_assert(sizeof(block_tq1_0) == 54 && alignof(block_tq1_0) == 1, "TQ1_0 is 54 bytes");

/// TQ2_0 -- 256 weights, 66 bytes, 2.0625 bits per weight; a ggml ternary format.
///         w[i] = d (q[i] - 1)
///
///   byte  0                                       64     66
///         +---------------------------------------+------+
///         | qs: 2 rows of 32 bytes                |  d   |
///         +---------------------------------------+------+
///           bits 2k of row r = 128r + 32k + 0..31   f16
struct block_tq2_0 {
    static constexpr size_t weights = 256;
    uint8_t qs[64], d[2];
};
static_assert(sizeof(block_tq2_0) == 66 && alignof(block_tq2_0) == 1, "TQ2_0 is 66 bytes");

/// MXFP4 -- 32 weights, 17 bytes, 4.25 bits per weight; OCP Microscaling.
///         w[i] = 2^(e - 128) e2m1_levels[q[i]]
///
///   byte  0      1                                17
///         +------+--------------------------------+
///         |  e   | qs: 16 bytes                   |
///         +------+--------------------------------+
///           e8m0   nibbles, as in Q4_0
///   e = 0 and 1 are subnormal scales; e = 255 is 2^127, not NaN as in the OCP's text, and no scale of a sane block
struct block_mxfp4 {
    static constexpr size_t weights = 32;
    uint8_t e[1], qs[16];
};
static_assert(sizeof(block_mxfp4) == 17 && alignof(block_mxfp4) == 1, "MXFP4 is 17 bytes");

/// NVFP4 -- 64 weights, 36 bytes, 4.5 bits per weight; NVIDIA's E2M1 with a scale per 16.
///         w[i] = ue4m3(e[j]) / 2 e2m1_levels[q[i]],   j = i / 16
///
///   byte  0        4                                            36
///         +--------+--------------------------------------------+
///         |  e[4]  | qs: 4 x 8 bytes                            |
///         +--------+--------------------------------------------+
///           ue4m3    per 16: low nibbles 0..7, high 8..15
///   ue4m3(e) = (1 + m/8) 2^(x-7), x = bits 6:3 and m = bits 2:0; m 2^-9 where x = 0. 0x7f is 0; bit 7 is
///   ignored, also of 0xff: 480
struct block_nvfp4 {
    static constexpr size_t weights = 64;
    uint8_t e[4], qs[32];
};
static_assert(sizeof(block_nvfp4) == 36 && alignof(block_nvfp4) == 1, "NVFP4 is 36 bytes");
// ---- the list: X(enumerator, suffix of block_ and codec_, nominal bits, family), in the order of QuantType ---------
//
// A family is what a GK_HAS_ macro can leave out, and what kquant_matmul and iq_matmul take.

#define GK_FORMATS(X) \
    X(Q2_K, q2_k, 2, KQUANT) X(Q3_K, q3_k, 3, KQUANT) X(Q4_K, q4_k, 4, KQUANT) \
    X(Q5_K, q5_k, 5, KQUANT) X(Q6_K, q6_k, 6, KQUANT) X(Q8_K, q8_k, 8, KQUANT) \
    X(IQ1_S, iq1_s, 1, IQ) X(IQ1_M, iq1_m, 1, IQ) X(IQ2_XXS, iq2_xxs, 2, IQ) \
    X(IQ2_XS, iq2_xs, 2, IQ) X(IQ2_S, iq2_s, 2, IQ) X(IQ3_XXS, iq3_xxs, 3, IQ) \
    X(IQ3_S, iq3_s, 3, IQ) X(IQ4_NL, iq4_nl, 4, IQ) X(IQ4_XS, iq4_xs, 4, IQ) \
    X(AWQ4, awq4, 4, CHECKPOINTS) X(GPTQ4, gptq4, 4, CHECKPOINTS) X(SQUEEZE, squeeze, 3, CHECKPOINTS) \
    X(Q4_0, q4_0, 4, ALWAYS) X(Q4_1, q4_1, 4, ALWAYS) X(Q5_0, q5_0, 5, ALWAYS) \
    X(Q5_1, q5_1, 5, ALWAYS) X(Q8_0, q8_0, 8, ALWAYS) X(Q1_0, q1_0, 1, ALWAYS) \
    X(Q2_0, q2_0, 2, ALWAYS) X(TQ1_0, tq1_0, 1, ALWAYS) X(TQ2_0, tq2_0, 2, ALWAYS) \
    X(MXFP4, mxfp4, 4, ALWAYS) X(NVFP4, nvfp4, 4, ALWAYS)

enum class Family : uint8_t { KQUANT, IQ, CHECKPOINTS, ALWAYS };
struct Listed { QuantType type; Family family; };
#define GK_LISTED(name, suffix, bits, family) {QuantType::name, Family::family},
constexpr Listed format_list[] = {GK_FORMATS(GK_LISTED)};
#undef GK_LISTED
constexpr bool formats_in_order() {
    size_t n = 0;
    for (const Listed& l : format_list) if (l.type != static_cast<QuantType>(n++)) return false;
    return n == quant_type_count;
}
static_assert(formats_in_order(), "GK_FORMATS lists every QuantType in order, and quant_type_count is their number");
GK_INL bool is_format(QuantType type)              { return static_cast<size_t>(type) < quant_type_count; }
constexpr uint64_t types_of(Family family) {
    static_assert(quant_type_count <= 64, "a bit each");
    uint64_t bits = 0;
    for (const Listed& l : format_list)
        bits |= static_cast<uint64_t>(l.family == family) << static_cast<size_t>(l.type);
    return bits;
}
template <Family family> GK_INL bool is_of(QuantType type) {
    constexpr uint64_t types = types_of(family);
    return is_format(type) && (types >> static_cast<size_t>(type) & 1) != 0;
}

// ---- sane: every scale field is finite, and so is every weight -----------------------------------------------------

GK_INL bool finite16(const uint8_t* p)             { return (load16(p) & 0x7c00) != 0x7c00; }
GK_INL bool finite(float x)                        { return (f32_bits(x) & 0x7f800000u) != 0x7f800000u; }

/// The f16 scale of an IQ1_M block: the top nibbles of its four words.
GK_INL uint16_t iq1_m_scale(const block_iq1_m& b) {
    const uint64_t x = load64(b.sc);
    return static_cast<uint16_t>((x >> 12 & 0xf) | (x >> 24 & 0xf0) | (x >> 36 & 0xf00) | (x >> 48 & 0xf000));
}

template <class B> GK_INL bool offset_finite(const B& b, decltype(B::dmin)*)  { return finite16(b.dmin); }
template <class B> GK_INL bool offset_finite(const B& b, decltype(B::m)*)     { return finite16(b.m); }
template <class B> GK_INL bool offset_finite(const B&, const void*)           { return true; }

/// Most formats: f16 d, and dmin or m beside it where there is an offset. Any other says what it is.
template <class B> GK_INL bool sane(const B& b) {
    static_assert(sizeof b.d == 2, "a format whose scale is no f16 d has a sane() of its own");
    return finite16(b.d) && offset_finite(b, static_cast<decltype(B::d)*>(nullptr));
}
GK_INL bool sane(const block_q8_k& b) {
    const float d = load_as<float>(b.d);
    bool weights = finite(d);
    for (uint8_t q : b.qs) weights &= finite(d * static_cast<float>(static_cast<int8_t>(q)));
    return weights;
}
GK_INL bool sane(const block_iq1_m& b)             { return (iq1_m_scale(b) & 0x7c00) != 0x7c00; }
GK_INL bool sane(const block_awq4& b)              { return finite16(b.s) && finite16(b.z); }
GK_INL bool sane(const block_gptq4& b)             { return sane(static_cast<const block_awq4&>(b)); }
GK_INL bool sane(const block_squeeze& b) {
    bool weights = finite16(b.d);
    for (size_t i = 0; i < sizeof b.levels; i += 4)
        weights &= finite(f16_to_f32(load16(b.d)) * load_as<float>(b.levels + i));
    return weights;
}
/// 8 times 2^125 and 4 times 2^126 are beyond f32; magnitudes rise with the low 3 bits.
GK_INL bool sane(const block_mxfp4& b) {
    int top = 0;
    for (uint8_t q : b.qs) { if ((q & 7) > top) top = q & 7; if ((q >> 4 & 7) > top) top = q >> 4 & 7; }
    return b.e[0] < 253 || (b.e[0] == 253 && top < 6) || (b.e[0] == 254 && top < 4);
}
GK_INL bool sane(const block_nvfp4&)               { return true; }

} // namespace impl
GK_NAMESPACE_END

// ============================================================================
// [6] CODEBOOKS: rank bitmaps, expanded at compile time
// ============================================================================
//
// A grid is a set of rows of 8 digits to base 3, or 4 digits to base 8, element 0 the least significant. Bit V of its
// bitmap says whether the row of number V belongs; the index of a row is the count of bits set below its own. Expanded,
// byte j of a row is element j, ready for use.

GK_NAMESPACE_BEGIN
namespace impl {

/// Twice the E2M1 values; the sign bit alone is a plain 0.
constexpr int8_t e2m1_levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
/// Half of the value of each byte as a scale of NVFP4.
struct ScalesOfNvfp4 {
    float halves[256];
    constexpr ScalesOfNvfp4() : halves() {
        for (int e = 0; e < 256; e++) {
            const int x = e >> 3 & 15, m = e & 7;
            float v = static_cast<float>(x ? 8 + m : m) / 1024;                 // m 2^-10, or (8 + m) 2^(x-11)
            for (int i = 1; i < x; i++) v *= 2;
            halves[e] = e == 127 ? 0 : v;
        }
    }
};
constexpr ScalesOfNvfp4 ue4m3;

#if GK_HAS_IQ

constexpr int8_t iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

template <class Row, size_t N> struct Grid {
    Row row[N];
    constexpr Row operator[](size_t i) const { return row[i]; }
};

/// The N rows of a bitmap: as many digits as a Row has bytes, each standing for the byte values[digit].
template <class Row, size_t N, size_t Words, size_t Base>
constexpr Grid<Row, N> expand(const uint64_t (&bitmap)[Words], const int8_t (&values)[Base]) {
    Grid<Row, N> grid = {};
    size_t rank = 0;
    for (size_t v = 0; v < 64 * Words; v++) {
        if (!(bitmap[v / 64] >> (v % 64) & 1)) continue;
        size_t digits = v;
        Row row = 0;
        for (size_t shift = 0; shift < 8 * sizeof(Row); shift += 8, digits /= Base)
            row |= static_cast<Row>(static_cast<uint8_t>(values[digits % Base])) << shift;
        grid.row[rank++] = row;
    }
    return grid;
}

constexpr uint64_t iq1_bitmap[103] = {
    0x514202a085142555, 0xa28a2086a8314508, 0x14508514202a081a, 0xa005152545442082, 0x8208001888208202,
    0x0aaabb88a02a03a0, 0xaa0a0022000baa90, 0x4508514008a0828c, 0x0851421450808821, 0x2a8008a09808308a,
    0x4248208514214508, 0x20a0c22c01450855, 0xa2aaa8242a00268a, 0x0028280808afe208, 0xa82028aa284202a0,
    0xa8bab9089b0a2080, 0x3aaaaea289aeca20, 0xb80e82bbbaeaeb7c, 0x2202920ed3caba22, 0x820aba8aa8202200,
    0x3ba2e04a2a000802, 0x81408100a22b2022, 0x8514012208288aaa, 0x5421450920821550, 0x203aa8230208a085,
    0xa208514254208284, 0x082a021450950820, 0x200248a08082a8b8, 0xab2802a268a28208, 0x083082082085082a,
    0xa085142145004045, 0x8229014500514200, 0x1430a1082a828a00, 0x2145082882145005, 0x2aaa200202208514,
    0xa828ae8ab1122000, 0x0a820070a8aaa1ba, 0x8200840222280208, 0xaa2ab0eaa0804800, 0xa7daea22ba8b20c2,
    0xaa2ab092a86e8b8b, 0x48202a0c448a8b72, 0x20aa082a8a284084, 0xa09aafa222a2ccc8, 0xa82a00020002a8e8,
    0xa2a28ba080200088, 0xba0a328280a0ba28, 0x2ba0a2ebfebab8be, 0x00a2ea280a8a08a2, 0xdeeaa4fa0c0232a1,
    0xeb7ebe8d2ea82bef, 0xdeba7de6bf7ff7fa, 0x12fa26bfff27fb69, 0x0ebeaa10228ae1e9, 0xae820ba8b208aa84,
    0x62048083e924baff, 0x002ba40aa8f2682c, 0x0012aae208082a02, 0x82c920a60a2a8202, 0x8c00a20028829089,
    0x6c00080882001380, 0x8abea602bbaaaa8a, 0xd02e976b8002caa0, 0xdeaa2e108210e9b2, 0x820a0004a5d11528,
    0x20a1010820828a00, 0xa0843222ba39aa82, 0x0262a28a00188009, 0xac21450051441481, 0x20aa085142145082,
    0x45082a120a87aa28, 0x08514208a0051421, 0x22a240a002200145, 0x8a6a08a208008800, 0x0a200080aaaab86e,
    0x5044082122c8e282, 0x8515208a09514214, 0x2a2aaa080a861450, 0x21450851420a0080, 0xe2085142145000a8,
    0x082a82180a828820, 0x0a028bb08aaaa2aa, 0x0aaa80822820aa2a, 0x220288a900280828, 0xba8a08b8280bbea0,
    0xaef8a4baffaeb24b, 0x30a0b668285220aa, 0x6a220828020a80e6, 0x2baaaa020a208062, 0x0808a2a0a9a2eaaa,
    0x0e8200228aa02010, 0x400aa08514214500, 0x4a0006a921450851, 0x440d1000a50802aa, 0x0514214508288214,
    0x0020f2ac82820800, 0x20ba0a280aaa0000, 0x280948820002a2ea, 0x0051454b110014e9, 0x5142145002a80145,
    0x400a288808248808, 0x02a0051401450008, 0x0000000145085140,
};
constexpr uint64_t iq2_xxs_bitmap[103] = {
    0x4141441055141555, 0x0000100044140400, 0x0040001400400400, 0x1050000004000000, 0x4004140100114140,
    0x0500001000400450, 0x0001000050000010, 0x4004144100004000, 0x0400000400001414, 0x0000000000040000,
    0x0000000000100400, 0x0010100414000000, 0x1001040011040040, 0x0000000100404000, 0x0000000004010000,
    0x0000400440041000, 0x0000100000000004, 0x1000400000001000, 0x0000000000000000, 0x0040000004000105,
    0x0000000000110000, 0x0000000001000000, 0x0414000000000040, 0x0000050100010000, 0x0000001010000000,
    0x0000000000500000, 0x0000414000000000, 0x0040000000004001, 0x0000004000040000, 0x0000000000000000,
    0x0000040040000040, 0x0000000004000000, 0x0000000000000000, 0x0000000001000000, 0x0110104144105000,
    0x0000400010000414, 0x0040400000440400, 0x4000000100404000, 0x0010000000010010, 0x0000001004000010,
    0x0000000100000000, 0x0414000000000000, 0x0000000000011000, 0x0401100000000004, 0x0004000000000000,
    0x0050441000040000, 0x0100000104000000, 0x0000000000040000, 0x0000000000000001, 0x0000000000000040,
    0x0001000001400000, 0x0400000000000000, 0x0000000100000000, 0x0400000004100400, 0x0040000000000000,
    0x0004000000000000, 0x0000000000000000, 0x0001000001000041, 0x0040000000004000, 0x0000400000000000,
    0x0011000000001000, 0x0000000000000000, 0x0400000000001400, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000001, 0x0000000000000000, 0x0000000000000000, 0x0004000041400000, 0x0040040000004000,
    0x0000000000000004, 0x0000000000000004, 0x0040001000441400, 0x0400000004000000, 0x0004000010000000,
    0x4000000001000040, 0x0000000000000000, 0x0000000000010000, 0x0000010000000000, 0x0104000000000000,
    0x0100000000000410, 0x0040000000004000, 0x0001000000000000, 0x0040000400000000, 0x0000000000000001,
    0x0000000001000000, 0x0000000000000000, 0x0000000000000000, 0x0100000000001000, 0x0000000000000000,
    0x0000000000000000, 0x0000100000000400, 0x0000000100000004, 0x0000040000000000, 0x0000000000000000,
    0x0000000000000400, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000040000,
    0x0000000000000004, 0x0000000000000000, 0x0000000000000000,
};
constexpr uint64_t iq2_xs_bitmap[103] = {
    0x1541455551555555, 0x4145505555540145, 0x4010515400010510, 0x5550000101000441, 0x0004140115154145,
    0x0404010500414550, 0x0005100041400000, 0x1105554000004000, 0x0540400010010414, 0x0010400000040001,
    0x0000000104000100, 0x4550515554011000, 0x1051540001054041, 0x5000500100004140, 0x0000010000400011,
    0x1001450041455000, 0x0100004140000004, 0x0400400000000000, 0x0000000000010000, 0x0400004004000505,
    0x0000000000110000, 0x0000000000000004, 0x5555000000000040, 0x0400010000414010, 0x0010001040001050,
    0x0000010000100000, 0x4000414400000400, 0x0040000000000001, 0x1000000010040000, 0x0000000001000100,
    0x0000040141100000, 0x0000000400100001, 0x0000010010000000, 0x0144000000001001, 0x1105554145555000,
    0x0500414550000414, 0x0141404000440001, 0x4000000000000140, 0x0010000414014515, 0x0000041001050001,
    0x4000010100400000, 0x0414000000000010, 0x0000000101011000, 0x0040004100001004, 0x0000000000400000,
    0x1041455000000000, 0x4140000004000105, 0x0000000000050004, 0x0000001000000040, 0x0004040105400000,
    0x0000410100004010, 0x0000001040000000, 0x0000100000001000, 0x0000404000400404, 0x0140100000010000,
    0x0000000000000000, 0x4000004000000000, 0x0100101001000041, 0x0000000000005000, 0x0010000000000000,
    0x4001000100000004, 0x0000000000000000, 0x0000000110000400, 0x0000000000001000, 0x0000001000000000,
    0x0000000001000000, 0x0000000000000400, 0x0010100000000400, 0x0415010515400000, 0x0001155000005000,
    0x0100000000041004, 0x0001400000000400, 0x0040001000541441, 0x0100000004000040, 0x0400004000000000,
    0x1000000100000000, 0x0014010000040004, 0x0000000000040400, 0x0004000000000000, 0x0105100404100000,
    0x0000010001000400, 0x0001000000100001, 0x0400000000000000, 0x0000004400004000, 0x0000000000001041,
    0x0014000000001000, 0x0000000100000000, 0x0400000000000000, 0x0000000400000000, 0x0000000000000100,
    0x0000001000000010, 0x0000000404014500, 0x4000000000010000, 0x0001144000000010, 0x0004000100000010,
    0x4000000000400000, 0x0000000000000000, 0x0000000000000000, 0x0040000400004000, 0x1040000000000045,
    0x0500000000000004, 0x0000050000000000, 0x0000000100010000,
};
constexpr uint64_t iq2_s_bitmap[103] = {
    0x1555455551555555, 0x5545505155551105, 0x5010515414150514, 0x5550101111000455, 0x5145541555555545,
    0x5414555514555550, 0x1451000455401051, 0x1155154000105004, 0x0540010110515555, 0x0040401051440455,
    0x0000100510140100, 0x4551515554004000, 0x5555541451151555, 0x5000145505155545, 0x0414000504414114,
    0x1455551455455000, 0x5505155540105154, 0x0514400010500414, 0x4000001000041401, 0x0140105154045155,
    0x0010500414550000, 0x1000041004000010, 0x5154000000000400, 0x0011010405415115, 0x1401050540415054,
    0x0104510010100004, 0x0514554400050000, 0x1440001050041455, 0x0000110004140105, 0x0004000400010500,
    0x1050001411000000, 0x0004150000400000, 0x0000100000000000, 0x0140040000004004, 0x1555554555555000,
    0x5505554550514414, 0x1541401051541455, 0x4000005004145104, 0x4550515554555555, 0x1051541455550041,
    0x5004145500004150, 0x5514100000400010, 0x0001040041455051, 0x0100004140105154, 0x0000400010500040,
    0x1555455000000000, 0x5540005154145555, 0x0010500414550515, 0x1400041401051440, 0x5154145555000000,
    0x0414550000414010, 0x1400000040001050, 0x0000000000110004, 0x0040414010515400, 0x0040001050000001,
    0x1000100000000000, 0x4400004000000000, 0x1040041451051545, 0x0004140105154000, 0x0400010400100010,
    0x1451010000000100, 0x0000004000105004, 0x0010001010000414, 0x0000000000040004, 0x0000105000100000,
    0x0010010000100000, 0x0000000000004000, 0x0000000400000000, 0x5414114515404000, 0x1455450001411011,
    0x1140004140005154, 0x0000000010500015, 0x0041455011555400, 0x4140105154000105, 0x0010500001010000,
    0x1000000000000050, 0x0000000105000141, 0x4000010000014040, 0x0004000000000000, 0x5545010000400500,
    0x0000414010515410, 0x0000101050001411, 0x0000100004140000, 0x4010515440000000, 0x1050004001000041,
    0x1100000000004000, 0x0010001000000010, 0x0001100041400000, 0x0000005000000000, 0x0000000000001100,
    0x0040000000000000, 0x0000105410111100, 0x0010000001040000, 0x4004100000000400, 0x5100014400000014,
    0x0100000000400010, 0x0000000010001040, 0x0000000000000000, 0x0040000000000004, 0x0100000000000040,
    0x0400004000000000, 0x0000011401400000, 0x0000000100001000,
};
constexpr uint64_t iq3_xxs_bitmap[64] = {
    0x2800000402058a15, 0x010010020522050a, 0x200082008a050215, 0x0100000000200582, 0x2800801080000800,
    0x0000040004000082, 0x0010000020000000, 0x0002000800005100, 0x00000180150a050a, 0x0000000000050205,
    0x040000000102050a, 0x0040004002010005, 0x0000010000000022, 0x0200004000110000, 0x0000000000000020,
    0x0000000100040000, 0x0000000402450a05, 0x018800000102052a, 0x0000200180058205, 0x1100000000001102,
    0x0000080020000000, 0x1000000200800008, 0x0000000000000000, 0x000000200000400a, 0x04200100000a0502,
    0x0000005002010005, 0x040004000020010a, 0x0000000008000200, 0x0400008001000000, 0x0000200000040041,
    0x0008000040001000, 0x0001000008000000, 0x00008800a0008010, 0x1000000000000000, 0x0041000180010000,
    0x0000002000000080, 0x0010020000000010, 0x0100000800200000, 0x0000000000000000, 0x0000000001000520,
    0x0100000200000400, 0x0000200000400041, 0x0400000004001000, 0x0000080000000004, 0x0400000000880100,
    0x0000000002000004, 0x0000010000000000, 0x0000000400100000, 0x0010005000100000, 0x0002000000020000,
    0x0010000000008000, 0x0000000041000000, 0x0000001000000000, 0x0000040000000020, 0x0000000008000000,
    0x0000000000020008, 0x00000400040001a8, 0x0000000100400000, 0x0000042000000400, 0x0001000008002001,
    0x0000000200020000, 0x0000000000100005, 0x0000000001000000, 0x0000000000000000,
};
constexpr uint64_t iq3_s_bitmap[64] = {
    0x92050aa5082357a7, 0x0422001022892317, 0x09000aa4112249a3, 0x228005104a052208, 0x0100020904128801,
    0x084000a208450014, 0x0200040002000a40, 0x0000110008450015, 0x040250005205ab17, 0x410005020902114b,
    0x040120090411a401, 0x0104000211820992, 0x000011440a001428, 0x0000020005020902, 0x0000005000910000,
    0x010400022002050a, 0x2980052a058a55ab, 0x0000020412248905, 0x12008802810a0092, 0x004001040a140225,
    0x2400000224090082, 0x0100080180040210, 0x0002200000020085, 0x0000010801400220, 0x020802942a04aa04,
    0x44010001000a102a, 0x0000010014010401, 0x0800208a018a1102, 0x0011040002044208, 0x0800401004200502,
    0x0000000200004000, 0x000000002005000a, 0x0100010204910411, 0x0000220821040a84, 0x010480010802210a,
    0x0000000022050a10, 0x0200000180100005, 0x00040000000200a0, 0x0001000010000800, 0x0000020801002100,
    0x1040049100041104, 0x040000000402042a, 0x0000080041080201, 0x0820021000800184, 0x0000004004010012,
    0x00000a0000400400, 0x0000000400000000, 0x0000000000040014, 0x000100000a002a00, 0x0010000000810001,
    0x0104200410000400, 0x0000000100021001, 0x0004000800200000, 0x0001000010000009, 0x0000000100000020,
    0x0000000000000a00, 0x0004100140050091, 0x0000002800100204, 0x0000020001024112, 0x0000080024000004,
    0x0000010000010822, 0x0000000400040000, 0x0000000002000004, 0x0000000000000001,
};

constexpr int8_t iq1_values[3]     = {-8, 0, 8};                             // eighths: the shift of +-1/8 is one more
constexpr int8_t iq2_values[3]     = {8, 25, 43};
constexpr int8_t iq3_xxs_values[8] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr int8_t iq3_s_values[8]   = {1, 3, 5, 7, 9, 11, 13, 15};

constexpr auto iq1_grid     = expand<uint64_t, 2048>(iq1_bitmap, iq1_values);
constexpr auto iq2_xxs_grid = expand<uint64_t, 256>(iq2_xxs_bitmap, iq2_values);
constexpr auto iq2_xs_grid  = expand<uint64_t, 512>(iq2_xs_bitmap, iq2_values);
constexpr auto iq2_s_grid   = expand<uint64_t, 1024>(iq2_s_bitmap, iq2_values);
constexpr auto iq3_xxs_grid = expand<uint32_t, 256>(iq3_xxs_bitmap, iq3_xxs_values);
constexpr auto iq3_s_grid   = expand<uint32_t, 512>(iq3_s_bitmap, iq3_s_values);

#endif

} // namespace impl
GK_NAMESPACE_END

// ============================================================================
// [7] JOBS AND KERNELS: what the passes share with the entry points
// ============================================================================

GK_NAMESPACE_BEGIN
namespace impl {

/// 256 weights as integers: weight i is scale[i / 16] code[i] + rest[i / 16]. Where a format has offsets, their
/// whole steps are in the codes: a weight is 0 only if its code and its rest are, |rest| is at most half a scale or
/// has the sign of all of the group's weights, and so |scale code| + |rest| <= 3 |weight|.
struct CodeBlock {
    int8_t code[256];
    float  scale[16], rest[16];
};
constexpr size_t CODE_RUN = 4;                                  // blocks that are decoded at a time

/// y[i * ldy + r] = row r of the weights . row i of x[m][k]. By codes: `prepared` is x in fixed point, of so many
/// digits.
struct RowsJob {
    const FormatKernels* format;
    const uint8_t*       weights;
    size_t               stride, rows;                          // bytes from row to row
    const float*         x;
    size_t               m, k;
    float*               y; size_t ldy;
    const uint8_t*       prepared;
    size_t               digits;
};

#ifdef GLLM_KERNELS_COMPILER
/// A recorded map: a value is floats in a slot, integers as their bits, masks as 1 and 0.
struct MapStep {
    TraceCode code;
    uint8_t   index, to;                                        // of an operand, or how far to shift; a slot
    int16_t   from[3];                                          // slots; ~number of a constant
};
constexpr size_t MAP_SLOTS = 32, MAP_CONSTANTS = 128;
/// out[i] = f(in[0][i], in[1][i], in[2][i]), i < n. out may be any of in.
struct MapJob {
    const MapStep*  steps;
    size_t          count;
    const uint32_t* constants;
    size_t          constant_count;
    const float*    in[3];
    float*          out;
    size_t          n;
};
#endif

struct DotJob;
using DotRows = void(DotJob* job);

/// Room on the stack for n of T at a multiple of 64. (Windows aligns variables to 16, whatever they ask for: GCC PR
/// 54412.)
template <class T, size_t n = 1> struct Lines {
    unsigned char bytes[n * sizeof(T) + 63];
    T* begin() { return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(bytes) + 63) & ~static_cast<uintptr_t>(63)); }
};

/// The loops of one quantised format, on float inputs and outputs. Null members: the format was left out.
struct FormatKernels {
    size_t block_weights, block_bytes;
    /// n weights, whole blocks.
    void (*dequant)(const void* blocks, float* out, size_t n);
    /// Weights decoded to floats.
    void (*rows)(const RowsJob& job);
    /// n weights of a row as blocks of codes, zeros behind them. Bit b of the result: block b has scales beyond what
    /// codes serve, and is all zero. Null where a format has no integer codes, or the pass no vectors, as are the two
    /// below.
    unsigned (*codes)(const uint8_t* row, size_t n, CodeBlock* out);
    void (*rows_by_codes)(const RowsJob& job);
    const CodeKernels* by_codes;
    /// The same for one row of x and whole blocks of 256, on so many segments of rows, where the CPU has what that
    /// needs. With `wide` scales a row is NaN that has one beyond what codes serve.
    DotRows* dots; size_t segments; bool CpuFeatures::* needs;
    bool wide;
    const void* codebook;                                       // rows of its grid, for `dots`; null: it has none
    /// n codes of a row as bytes, exclusive or `flip`; zeros up to a multiple of 32. Null but for the plain codes.
    void (*unpack)(const uint8_t* row, size_t n, int flip, uint8_t* out);
    /// Several rows of x in fixed point; null where floats are faster. With `rests` blocks of codes may have some.
    const DigitKernels* digits;
    bool rests;
};

/// What is the same for all formats: how x is prepared, one row of it at a time.
struct CodeKernels {
    size_t exact;                                               // how many digits that takes; 0: floats are faster
    // rows of x: from here floats are faster than exact digits
    size_t few;
    size_t (*prepared_bytes)(size_t k, size_t digits);          // a multiple of 64
    void (*prepare)(const float* x, size_t k, size_t digits, uint8_t* prepared);
};

/// y[m][n] = x W^T, W codes, x in fixed point: section [15].
struct DigitJob {
    const FormatKernels* format;
    const uint8_t*       weights;
    size_t               row_stride, block_bytes;               // of plain codes a block is 32
    const float*         x;
    const uint8_t*       packed;                                // x, by pack()
    size_t               m, n, k, digits;
    float*               y; size_t ldy;
    float*               scratch;                               // thread_floats of them
};
struct DigitKernels {
    size_t rows = 0, columns = 0;                               // of a tile
    size_t exact = 0, fast = 0;                                 // how many digits each takes; 0: f32 is faster
    size_t few = 0;                                             // rows of x: below here other ways are faster
    size_t longest = 0;                                         // k: all sums are f32
    size_t thread_floats = 0;
    size_t (*packed_floats)(size_t m, size_t k, size_t digits) = nullptr;
    /// Panels of rows from .. to-1 of x[m][k]. odd[i] = 1: row i has a group of 32 that is not finite, or out of range,
    /// and is to be multiplied otherwise. False: all of x is.
    bool (*pack)(const float* x, size_t m, size_t k, size_t digits, size_t from, size_t to, uint8_t* packed,
                 uint8_t* odd) = nullptr;
    void (*run)(const DigitJob& job) = nullptr;
};

/// A checkpoint tensor as it is in its file; section [11].
struct Checkpoint {
    const uint8_t *qweight, *qzeros, *scales;
    const int32_t* g_idx;
    size_t         n, k, group;
    GptqZeros      zeros;
};
struct CheckpointKernels {
    /// out[n][k], outputs j .. j+cols-1 of it. Null: left out.
    void (*dequant_awq)(const Checkpoint& t, float* out, size_t j, size_t cols);
    void (*dequant_gptq)(const Checkpoint& t, float* out, size_t j, size_t cols);
};

/// Where a product takes B from: panel() writes rows p .. p+kc-1 of columns j .. j+cols-1 as kc rows of NR floats,
/// zeros beyond cols.
struct BSource {
    void (*panel)(const BSource& b, float* out, size_t p, size_t kc, size_t j, size_t cols);
    const void*  data;                 // dense or quantised weights, or a Checkpoint
    size_t       ld;                   // elements, or bytes of a quantised row, between rows of data
    const float* packed;               // not null: all panels exist already, in the order of pack_b
    size_t       packed_n;             // their columns, with padding
    void (*dequant)(const void* blocks, float* out, size_t n);
    size_t       block_weights, block_bytes;
};

/// C[m][n] = act(A B + bias), the rows and columns of one thread. A and C are of the table's element type.
struct GemmJob {
    const void* a; size_t lda;
    BSource     b; size_t column, row; // first column and row of B
    const void* bias;                  // null: none
    Activation  act;
    void*       c; size_t ldc;
    size_t      m, n, k;
    size_t      all_m, all_n;          // of the whole product, which choose the path: a split must not
    size_t      part_m, part_n;        // of the largest part of a split, which choose the blocks of all of them
    float*      scratch;               // scratch_floats(part_m, part_n, k) of them, aligned to 64 bytes
    float*      sums;                  // not null: [m][n] plain sums go here, and nothing to C
};

/// What a microkernel prefetches while it computes: `rows` rows of 128 bytes, at most one in eight steps of k.
struct Ahead {
    const char* row;
    size_t      stride, rows;
};
/// Where it leaves its tile: rows of c `ldc` floats apart, added to what is there if `accumulate` is not 0.
struct TileOfC {
    float* c;
    size_t ldc, accumulate;
    Ahead  ahead;
};
/// The same for tiles: rows of C, and the next panel of A; and how many rows of the tile count: others may be left as
/// they are.
struct TileAhead {
    const char* row;
    size_t      stride;
    const char* panel;
    size_t      rows;
};

/// Bytes of the second-level cache of a core, or a cautious guess where the CPU does not tell.
GK_INTERNAL size_t l2_bytes();
#if GK_ARM64
/// Does this core, a Cortex-A53, A55 or their like, take instructions in order?
GK_INTERNAL bool in_order();
#endif
#if GK_HAS_TILES
GK_INTERNAL bool tiles_allowed();
GK_INTERNAL bool int8_tiles_allowed();
GK_INTERNAL bool fast_pairs();
#endif

using RunPart = void(const GemmJob& job);
using Panel   = void(const BSource& b, float* out, size_t p, size_t kc, size_t j, size_t cols);
/// B[k][n], rows of a quantised format, tensors of checkpoints.
enum class BForm { rows, format, awq, gptq };

struct GemmKernels {
    size_t mr, nr;                                              // splits are at multiples of them
    const DigitKernels* digits;                                 // better ones than a format has, for many rows; or null
    size_t (*scratch_floats)(size_t m, size_t n, size_t k);     // of one thread
    RunPart* run;                                               // packs A and B
    // f32: A is taken to a terms of 8 bits, B to b; or both exactly
    RunPart* (*run_terms)(size_t a, size_t b);
    RunPart* run_small;                                         // reads A and B[k][n] in place; f32 only, else null
    RunPart* run_skinny;                                        // the same for at most 8 rows of A, any type
    RunPart* run_panels;                                        // A in place, B in panels made ahead; only of f32
    size_t   shallow;                                           // k, up to which that is faster with any rows of A
    bool (*in_tiles)(bool packed, size_t m, size_t n, size_t k);        // does `run` sum in tiles of AMX? null: never
    /// B[n][k] by its element type. run_dots reads A and B in place: few rows of A.
    struct { RunPart *run, *run_dots; Panel* panel; } by[3];
    // of all panels of pack_b; n and k are not too large for floats
    size_t (*packed_bytes)(size_t n, size_t k);
    // columns begin .. end-1 of them
    void (*pack)(const BSource& b, size_t n, size_t k, size_t begin, size_t end, void* panels);
    void (*take_packed)(BSource& b, const void* panels, size_t n, size_t k);
    Panel* (*panel)(BForm form);
};

// ---- attention: section [14] ----------------------------------------------------

constexpr size_t cache_page = 16;                               // tokens
GK_INL size_t cache_row_bytes(CacheType type, size_t d) {       // of a token of one head
    return type == CacheType::f32  ? d * sizeof(float)
         : type == CacheType::Q8_0 ? d / 32 * sizeof(block_q8_0) : d * sizeof(f16);
}

/// q and out are of the table's element type.
struct AttentionJob {
    const void*  q;
    void*        out;
    KvView       kv;
    size_t       m, heads, position, window;
    bool         causal;
    float        scale, softcap;
    const float *sinks, *slopes;
    float       *inputs, *parts;                                // few: rows of q, scaled; what units leave
    size_t       first, pieces;                                 // few: those of the keys that any query sees
    size_t       panels;                                        // many: of a unit
};

/// Tokens begin .. end - 1; none where that is none. Both rise with the query.
struct Seen { size_t begin, end; };
GK_INL Seen seen_by(const AttentionJob& job, size_t i) {
    const size_t next = job.position + i + 1, length = job.kv.length;
    return {job.window && next > job.window ? next - job.window : 0, job.causal && next < length ? next : length};
}
GK_INL Seen seen_by_all(const AttentionJob& job) { return {seen_by(job, 0).begin, seen_by(job, job.m - 1).end}; }

struct AttentionKernels {
    size_t piece, columns;                                      // tokens; rows of q in a panel
    size_t (*few_parts)(size_t rows, size_t pieces, size_t d);  // floats of all units; rows: m heads
    size_t (*few_scratch)(const KvView& kv);                    // floats of a thread
    void (*few_inputs)(const AttentionJob& job, float* inputs);
    // kv_heads pieces of them
    void (*few_units)(const AttentionJob& job, size_t begin, size_t end, float* scratch);
    void (*few_outputs)(const AttentionJob& job, size_t begin, size_t end);                      // m heads rows
    size_t (*many_scratch)(const KvView& kv, size_t panels);
    void (*many_unit)(const AttentionJob& job, size_t head, size_t unit, float* scratch);
};

// ---- assembly kernels: a file of asm/ and a row each -----------------------------

/// C[rows][columns] = A B, or += A B, on packed panels: [k][rows] and [k][columns] floats.
using GemmTile  = void(size_t k, const float* a, const float* b, const TileOfC* tile);
/// t[rows][columns] = panels a times b over `groups` of 32 of k: section [15].
using DigitTile = void(size_t groups, size_t digits, const void* a, const void* b, float* t);
/// t[rows][columns] = x times codes over `groups` of k, rows up to those of the tile: section [15]. Behind t is room
/// for as much again, which is the kernel's own.
using CodesTile = void(size_t groups, size_t digits, size_t rows, const void* x, const void* codes, float* t);
/// t[32][32] = A B, or += A B, over steps of k: section [16]. Ahead: what to prefetch.
using BytesInTiles =
    void(size_t steps, const int8_t* a, const int8_t* b, int32_t* t, size_t accumulate, const void* ahead);
using TermsInTiles =
    void(size_t steps, const uint16_t* a, const uint16_t* b, float* t, size_t accumulate, const void* ahead);
using TilesSwitch  = void(size_t on);
/// Rows of W by one row of x in fixed point: section [15]. y[s y_segment + i] = row i of segment s. A kernel uses the
/// job up.
struct DotJob {
    const uint8_t* weights;
    size_t         row_bytes, segment_bytes;                    // to the next row; to the same row of the next segment
    size_t         rows, blocks, digits;                        // rows of a segment; blocks of 256 in a row; 1 or 3
    const uint8_t* x;
    float*         y; size_t y_segment;
    const void*    codebook;                                    // rows of the format's grid
    alignas(64) uint8_t room[768];                              // the kernel's own
};
/// Which pass, and feature of it, a kernel is for; what more the CPU needs; its tile, and what it works on:
/// consecutive k in a panel, how many k share a scale, terms of A and B as two digits, or a QuantType. Of rows of
/// codes, `rows` is how many segments are walked together.
template <class F> struct AsmKernel {
    const char* name;
    F*          run;
    int         pass, feature;
    bool CpuFeatures::* needs;
    size_t      rows, columns, kind;
};
/// The row, or the kernel, for a pass and a feature; null if there is none.
template <class F, size_t n>
constexpr const AsmKernel<F>* row_for(const AsmKernel<F> (&rows)[n], int pass, int feature, size_t kind) {
    for (const AsmKernel<F>& row : rows)
        if (row.pass == pass && row.feature == feature && row.kind == kind) return &row;
    return nullptr;
}
template <class F, size_t n>
constexpr bool has_kernel(const AsmKernel<F> (&rows)[n], int pass, int feature, size_t kind) {
    return row_for(rows, pass, feature, kind) != nullptr;
}
template <class F, size_t n>
constexpr F* kernel_for(const AsmKernel<F> (&rows)[n], int pass, int feature, size_t kind) {
    const AsmKernel<F>* const row = row_for(rows, pass, feature, kind);
    return row ? row->run : nullptr;
}
#define GK_KERNEL(symbol, pass, feature, needs, rows, columns, kind) \
    {#symbol, &symbol, pass, feature, &CpuFeatures::needs, rows, columns, kind}
#define GK_DOT(symbol, pass, feature, needs, rows, columns, type) \
    GK_KERNEL(symbol, pass, feature, needs, rows, columns, static_cast<size_t>(QuantType::type)),

/// Rows of codes by one row of x. Those with `gfni` need VBMI as well, which every CPU has that has both GFNI and
/// AVX-512.
#define GK_X86_DOTS(ROW) \
    ROW(gk_qdot_avx512vnni_q4_0_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q4_0) \
    ROW(gk_qdot_avx512vnni_q4_1_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q4_1) \
    ROW(gk_qdot_avx512vnni_q5_0_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q5_0) \
    ROW(gk_qdot_avx512vnni_q5_1_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q5_1) \
    ROW(gk_qdot_avx512vnni_q8_0_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q8_0) \
    ROW(gk_qdot_avx512vnni_q1_0_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q1_0) \
    ROW(gk_qdot_avx512vnni_q2_0_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q2_0) \
    ROW(gk_qdot_avx512vnni_tq1_0_4,   GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, TQ1_0) \
    ROW(gk_qdot_avx512vnni_tq2_0_4,   GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, TQ2_0) \
    ROW(gk_qdot_avx512vnni_nvfp4_4,   GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, NVFP4) \
    ROW(gk_qdot_avx512vnni_mxfp4_4,   GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, MXFP4) \
    ROW(gk_qdot_avx512vnni_q2_k_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q2_K) \
    ROW(gk_qdot_avx512vnni_q3_k_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q3_K) \
    ROW(gk_qdot_avx512vnni_q4_k_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q4_K) \
    ROW(gk_qdot_avx512vnni_q5_k_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q5_K) \
    ROW(gk_qdot_avx512vnni_q6_k_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q6_K) \
    ROW(gk_qdot_avx512vnni_q8_k_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, Q8_K) \
    ROW(gk_qdot_avx512vnni_iq4_nl_4,  GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, IQ4_NL) \
    ROW(gk_qdot_avx512vnni_iq4_xs_4,  GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, IQ4_XS) \
    ROW(gk_qdot_avx512vnni_awq4_4,    GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, AWQ4) \
    ROW(gk_qdot_avx512vnni_gptq4_4,   GK_AVX512, GK_AVX512VNNI, avx512_vnni, 4, 1, GPTQ4) \
    ROW(gk_qdot_avx512vbmi_iq1_s_4,   GK_AVX512, GK_AVX512VNNI, gfni,        4, 1, IQ1_S) \
    ROW(gk_qdot_avx512vbmi_iq1_m_4,   GK_AVX512, GK_AVX512VNNI, gfni,        4, 1, IQ1_M) \
    ROW(gk_qdot_avx512vbmi_iq2_xxs_4, GK_AVX512, GK_AVX512VNNI, gfni,        4, 1, IQ2_XXS) \
    ROW(gk_qdot_avx512vbmi_iq2_xs_4,  GK_AVX512, GK_AVX512VNNI, gfni,        4, 1, IQ2_XS) \
    ROW(gk_qdot_avx512vbmi_iq2_s_4,   GK_AVX512, GK_AVX512VNNI, gfni,        4, 1, IQ2_S) \
    ROW(gk_qdot_avx512vbmi_iq3_xxs_4, GK_AVX512, GK_AVX512VNNI, gfni,        4, 1, IQ3_XXS) \
    ROW(gk_qdot_avx512vbmi_iq3_s_4,   GK_AVX512, GK_AVX512VNNI, gfni,        4, 1, IQ3_S) \
    ROW(gk_qdot_avxvnni_q4_0_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q4_0) \
    ROW(gk_qdot_avxvnni_q4_1_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q4_1) \
    ROW(gk_qdot_avxvnni_q5_0_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q5_0) \
    ROW(gk_qdot_avxvnni_q5_1_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q5_1) \
    ROW(gk_qdot_avxvnni_q8_0_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q8_0) \
    ROW(gk_qdot_avxvnni_q1_0_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q1_0) \
    ROW(gk_qdot_avxvnni_q2_0_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q2_0) \
    ROW(gk_qdot_avxvnni_tq1_0_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, TQ1_0) \
    ROW(gk_qdot_avxvnni_tq2_0_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, TQ2_0) \
    ROW(gk_qdot_avxvnni_nvfp4_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, NVFP4) \
    ROW(gk_qdot_avxvnni_mxfp4_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, MXFP4) \
    ROW(gk_qdot_avxvnni_q2_k_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q2_K) \
    ROW(gk_qdot_avxvnni_q3_k_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q3_K) \
    ROW(gk_qdot_avxvnni_q4_k_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q4_K) \
    ROW(gk_qdot_avxvnni_q5_k_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q5_K) \
    ROW(gk_qdot_avxvnni_q6_k_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q6_K) \
    ROW(gk_qdot_avxvnni_q8_k_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, Q8_K) \
    ROW(gk_qdot_avxvnni_iq4_nl_2,     GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ4_NL) \
    ROW(gk_qdot_avxvnni_iq4_xs_2,     GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ4_XS) \
    ROW(gk_qdot_avxvnni_awq4_2,       GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, AWQ4) \
    ROW(gk_qdot_avxvnni_gptq4_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, GPTQ4) \
    ROW(gk_qdot_avxvnni_iq1_s_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ1_S) \
    ROW(gk_qdot_avxvnni_iq1_m_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ1_M) \
    ROW(gk_qdot_avxvnni_iq2_xxs_2,    GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ2_XXS) \
    ROW(gk_qdot_avxvnni_iq2_xs_2,     GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ2_XS) \
    ROW(gk_qdot_avxvnni_iq2_s_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ2_S) \
    ROW(gk_qdot_avxvnni_iq3_xxs_2,    GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ3_XXS) \
    ROW(gk_qdot_avxvnni_iq3_s_2,      GK_AVX2,   GK_AVXVNNI,    avx_vnni,    2, 1, IQ3_S) \
    ROW(gk_qdot_avx2_q4_0_2,          GK_AVX2,   0,             avx2,        2, 1, Q4_0) \
    ROW(gk_qdot_avx2_q4_1_2,          GK_AVX2,   0,             avx2,        2, 1, Q4_1) \
    ROW(gk_qdot_avx2_q5_0_2,          GK_AVX2,   0,             avx2,        2, 1, Q5_0) \
    ROW(gk_qdot_avx2_q5_1_2,          GK_AVX2,   0,             avx2,        2, 1, Q5_1) \
    ROW(gk_qdot_avx2_q8_0_2,          GK_AVX2,   0,             avx2,        2, 1, Q8_0) \
    ROW(gk_qdot_avx2_q1_0_2,          GK_AVX2,   0,             avx2,        2, 1, Q1_0) \
    ROW(gk_qdot_avx2_q2_0_2,          GK_AVX2,   0,             avx2,        2, 1, Q2_0) \
    ROW(gk_qdot_avx2_tq1_0_2,         GK_AVX2,   0,             avx2,        2, 1, TQ1_0) \
    ROW(gk_qdot_avx2_tq2_0_2,         GK_AVX2,   0,             avx2,        2, 1, TQ2_0) \
    ROW(gk_qdot_avx2_nvfp4_2,         GK_AVX2,   0,             avx2,        2, 1, NVFP4) \
    ROW(gk_qdot_avx2_mxfp4_2,         GK_AVX2,   0,             avx2,        2, 1, MXFP4) \
    ROW(gk_qdot_avx2_q2_k_2,          GK_AVX2,   0,             avx2,        2, 1, Q2_K) \
    ROW(gk_qdot_avx2_q3_k_2,          GK_AVX2,   0,             avx2,        2, 1, Q3_K) \
    ROW(gk_qdot_avx2_q4_k_2,          GK_AVX2,   0,             avx2,        2, 1, Q4_K) \
    ROW(gk_qdot_avx2_q5_k_2,          GK_AVX2,   0,             avx2,        2, 1, Q5_K) \
    ROW(gk_qdot_avx2_q6_k_2,          GK_AVX2,   0,             avx2,        2, 1, Q6_K) \
    ROW(gk_qdot_avx2_q8_k_2,          GK_AVX2,   0,             avx2,        2, 1, Q8_K) \
    ROW(gk_qdot_avx2_iq4_nl_2,        GK_AVX2,   0,             avx2,        2, 1, IQ4_NL) \
    ROW(gk_qdot_avx2_iq4_xs_2,        GK_AVX2,   0,             avx2,        2, 1, IQ4_XS) \
    ROW(gk_qdot_avx2_awq4_2,          GK_AVX2,   0,             avx2,        2, 1, AWQ4) \
    ROW(gk_qdot_avx2_gptq4_2,         GK_AVX2,   0,             avx2,        2, 1, GPTQ4) \
    ROW(gk_qdot_avx2_iq1_s_2,         GK_AVX2,   0,             avx2,        2, 1, IQ1_S) \
    ROW(gk_qdot_avx2_iq1_m_2,         GK_AVX2,   0,             avx2,        2, 1, IQ1_M) \
    ROW(gk_qdot_avx2_iq2_xxs_2,       GK_AVX2,   0,             avx2,        2, 1, IQ2_XXS) \
    ROW(gk_qdot_avx2_iq2_xs_2,        GK_AVX2,   0,             avx2,        2, 1, IQ2_XS) \
    ROW(gk_qdot_avx2_iq2_s_2,         GK_AVX2,   0,             avx2,        2, 1, IQ2_S) \
    ROW(gk_qdot_avx2_iq3_xxs_2,       GK_AVX2,   0,             avx2,        2, 1, IQ3_XXS) \
    ROW(gk_qdot_avx2_iq3_s_2,         GK_AVX2,   0,             avx2,        2, 1, IQ3_S)
#define GK_ARM64_DOTS(ROW) \
    ROW(gk_qdot_neondot_q4_0_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q4_0) \
    ROW(gk_qdot_neondot_q4_1_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q4_1) \
    ROW(gk_qdot_neondot_q5_0_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q5_0) \
    ROW(gk_qdot_neondot_q5_1_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q5_1) \
    ROW(gk_qdot_neondot_q8_0_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q8_0) \
    ROW(gk_qdot_neondot_q1_0_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q1_0) \
    ROW(gk_qdot_neondot_q2_0_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q2_0) \
    ROW(gk_qdot_neondot_tq1_0_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, TQ1_0) \
    ROW(gk_qdot_neondot_tq2_0_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, TQ2_0) \
    ROW(gk_qdot_neondot_nvfp4_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, NVFP4) \
    ROW(gk_qdot_neondot_mxfp4_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, MXFP4) \
    ROW(gk_qdot_neondot_q2_k_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q2_K) \
    ROW(gk_qdot_neondot_q3_k_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q3_K) \
    ROW(gk_qdot_neondot_q4_k_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q4_K) \
    ROW(gk_qdot_neondot_q5_k_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q5_K) \
    ROW(gk_qdot_neondot_q6_k_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q6_K) \
    ROW(gk_qdot_neondot_q8_k_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, Q8_K) \
    ROW(gk_qdot_neondot_iq4_nl_2,  GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ4_NL) \
    ROW(gk_qdot_neondot_iq4_xs_2,  GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ4_XS) \
    ROW(gk_qdot_neondot_awq4_2,    GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, AWQ4) \
    ROW(gk_qdot_neondot_gptq4_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, GPTQ4) \
    ROW(gk_qdot_neondot_iq1_s_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ1_S) \
    ROW(gk_qdot_neondot_iq1_m_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ1_M) \
    ROW(gk_qdot_neondot_iq2_xxs_2, GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ2_XXS) \
    ROW(gk_qdot_neondot_iq2_xs_2,  GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ2_XS) \
    ROW(gk_qdot_neondot_iq2_s_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ2_S) \
    ROW(gk_qdot_neondot_iq3_xxs_2, GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ3_XXS) \
    ROW(gk_qdot_neondot_iq3_s_2,   GK_NEON, GK_DOTPROD, neon_dotprod, 2, 1, IQ3_S) \
    ROW(gk_qdot_neon_q4_0_2,       GK_NEON, 0,          neon,         2, 1, Q4_0) \
    ROW(gk_qdot_neon_q4_1_2,       GK_NEON, 0,          neon,         2, 1, Q4_1) \
    ROW(gk_qdot_neon_q5_0_2,       GK_NEON, 0,          neon,         2, 1, Q5_0) \
    ROW(gk_qdot_neon_q5_1_2,       GK_NEON, 0,          neon,         2, 1, Q5_1) \
    ROW(gk_qdot_neon_q8_0_2,       GK_NEON, 0,          neon,         2, 1, Q8_0) \
    ROW(gk_qdot_neon_q1_0_2,       GK_NEON, 0,          neon,         2, 1, Q1_0) \
    ROW(gk_qdot_neon_q2_0_2,       GK_NEON, 0,          neon,         2, 1, Q2_0) \
    ROW(gk_qdot_neon_tq1_0_2,      GK_NEON, 0,          neon,         2, 1, TQ1_0) \
    ROW(gk_qdot_neon_tq2_0_2,      GK_NEON, 0,          neon,         2, 1, TQ2_0) \
    ROW(gk_qdot_neon_nvfp4_2,      GK_NEON, 0,          neon,         2, 1, NVFP4) \
    ROW(gk_qdot_neon_mxfp4_2,      GK_NEON, 0,          neon,         2, 1, MXFP4) \
    ROW(gk_qdot_neon_q2_k_2,       GK_NEON, 0,          neon,         2, 1, Q2_K) \
    ROW(gk_qdot_neon_q3_k_2,       GK_NEON, 0,          neon,         2, 1, Q3_K) \
    ROW(gk_qdot_neon_q4_k_2,       GK_NEON, 0,          neon,         2, 1, Q4_K) \
    ROW(gk_qdot_neon_q5_k_2,       GK_NEON, 0,          neon,         2, 1, Q5_K) \
    ROW(gk_qdot_neon_q6_k_2,       GK_NEON, 0,          neon,         2, 1, Q6_K) \
    ROW(gk_qdot_neon_q8_k_2,       GK_NEON, 0,          neon,         2, 1, Q8_K) \
    ROW(gk_qdot_neon_iq4_nl_2,     GK_NEON, 0,          neon,         2, 1, IQ4_NL) \
    ROW(gk_qdot_neon_iq4_xs_2,     GK_NEON, 0,          neon,         2, 1, IQ4_XS) \
    ROW(gk_qdot_neon_awq4_2,       GK_NEON, 0,          neon,         2, 1, AWQ4) \
    ROW(gk_qdot_neon_gptq4_2,      GK_NEON, 0,          neon,         2, 1, GPTQ4) \
    ROW(gk_qdot_neon_iq1_s_2,      GK_NEON, 0,          neon,         2, 1, IQ1_S) \
    ROW(gk_qdot_neon_iq1_m_2,      GK_NEON, 0,          neon,         2, 1, IQ1_M) \
    ROW(gk_qdot_neon_iq2_xxs_2,    GK_NEON, 0,          neon,         2, 1, IQ2_XXS) \
    ROW(gk_qdot_neon_iq2_xs_2,     GK_NEON, 0,          neon,         2, 1, IQ2_XS) \
    ROW(gk_qdot_neon_iq2_s_2,      GK_NEON, 0,          neon,         2, 1, IQ2_S) \
    ROW(gk_qdot_neon_iq3_xxs_2,    GK_NEON, 0,          neon,         2, 1, IQ3_XXS) \
    ROW(gk_qdot_neon_iq3_s_2,      GK_NEON, 0,          neon,         2, 1, IQ3_S)
#define GK_DECLARE_DOT(symbol, ...) DotRows symbol;

#if defined(GLLM_KERNELS_ASM) && defined(__x86_64__)
extern "C" {
GemmTile     gk_gemm_avx2_f32_6x16, gk_gemm_avx512_f32_14x32;
DigitTile    gk_qgemm_avx2_i8_6x16, gk_qgemm_avxvnni_i8_6x16, gk_qgemm_avx512vnni_i8_7x32;
CodesTile    gk_qgemm_avx2_codes16_6x16, gk_qgemm_avx2_codes32_6x16, gk_qgemm_avxvnni_codes16_6x16,
             gk_qgemm_avxvnni_codes32_6x16, gk_qgemm_avx512vnni_codes16_7x32, gk_qgemm_avx512vnni_codes32_7x32;
BytesInTiles gk_qgemm_amx_i8_32x32;
TermsInTiles gk_gemm_amx_bf16_32x32, gk_gemm_amx_bf16x1x3_32x32, gk_gemm_amx_bf16x2x1_32x32, gk_gemm_amx_bf16x3x1_32x32,
             gk_gemm_amx_bf16x3_32x32, gk_gemm_avx512bf16_32x32;
TilesSwitch  gk_gemm_amx_tiles;
GK_X86_DOTS(GK_DECLARE_DOT)
}
constexpr AsmKernel<GemmTile> gemm_tiles[] = {
    GK_KERNEL(gk_gemm_avx2_f32_6x16,       GK_AVX2,   0,             avx2,        6, 16,  1),
    GK_KERNEL(gk_gemm_avx512_f32_14x32,    GK_AVX512, 0,             avx512,      14, 32, 1),
};
constexpr AsmKernel<DigitTile> digit_tiles[] = {
    GK_KERNEL(gk_qgemm_avx2_i8_6x16,       GK_AVX2,   0,             avx2,        6, 16,  4),
    GK_KERNEL(gk_qgemm_avx2_i8_6x16,       GK_AVX512, 0,             avx2,        6, 16,  4),
    GK_KERNEL(gk_qgemm_avxvnni_i8_6x16,    GK_AVX2,   GK_AVXVNNI,    avx_vnni,    6, 16,  4),
    GK_KERNEL(gk_qgemm_avx512vnni_i8_7x32, GK_AVX512, GK_AVX512VNNI, avx512_vnni, 7, 32,  4),
};
constexpr AsmKernel<CodesTile> codes_tiles[] = {
    GK_KERNEL(gk_qgemm_avx2_codes16_6x16,       GK_AVX2,   0,             avx2,        6, 16, 16),
    GK_KERNEL(gk_qgemm_avx2_codes32_6x16,       GK_AVX2,   0,             avx2,        6, 16, 32),
    GK_KERNEL(gk_qgemm_avxvnni_codes16_6x16,    GK_AVX2,   GK_AVXVNNI,    avx_vnni,    6, 16, 16),
    GK_KERNEL(gk_qgemm_avxvnni_codes32_6x16,    GK_AVX2,   GK_AVXVNNI,    avx_vnni,    6, 16, 32),
    GK_KERNEL(gk_qgemm_avx512vnni_codes16_7x32, GK_AVX512, GK_AVX512VNNI, avx512_vnni, 7, 32, 16),
    GK_KERNEL(gk_qgemm_avx512vnni_codes32_7x32, GK_AVX512, GK_AVX512VNNI, avx512_vnni, 7, 32, 32),
};
constexpr AsmKernel<DotRows> dot_rows[] = { GK_X86_DOTS(GK_DOT) };
constexpr AsmKernel<BytesInTiles> byte_tiles[] = {
    GK_KERNEL(gk_qgemm_amx_i8_32x32,       GK_AVX512, GK_AMX,        amx_int8,    32, 32, 1),
};
constexpr AsmKernel<TermsInTiles> term_tiles[] = {
    GK_KERNEL(gk_gemm_amx_bf16_32x32,      GK_AVX512, GK_AMX,        amx_bf16,    32, 32, 11),
    GK_KERNEL(gk_gemm_amx_bf16x1x3_32x32,  GK_AVX512, GK_AMX,        amx_bf16,    32, 32, 13),
    GK_KERNEL(gk_gemm_amx_bf16x2x1_32x32,  GK_AVX512, GK_AMX,        amx_bf16,    32, 32, 21),
    GK_KERNEL(gk_gemm_amx_bf16x3x1_32x32,  GK_AVX512, GK_AMX,        amx_bf16,    32, 32, 31),
    GK_KERNEL(gk_gemm_amx_bf16x3_32x32,    GK_AVX512, GK_AMX,        amx_bf16,    32, 32, 33),
    GK_KERNEL(gk_gemm_avx512bf16_32x32,    GK_AVX512, GK_AVX512BF16, avx512_bf16, 32, 32, 11),
};
constexpr AsmKernel<TilesSwitch> tile_switches[] = {
    GK_KERNEL(gk_gemm_amx_tiles,           GK_AVX512, GK_AMX,        amx_bf16,    0, 0,   0),
};
#elif defined(GLLM_KERNELS_ASM) && GK_ARM64
extern "C" {
GemmTile  gk_gemm_neon_f32_8x12, gk_gemm_neoninorder_f32_8x12;
DigitTile gk_qgemm_neon_i8_4x8, gk_qgemm_neondot_i8_8x12, gk_qgemm_neoni8mm_i8_8x12;
CodesTile gk_qgemm_neondot_codes16_8x12, gk_qgemm_neondot_codes32_8x12, gk_qgemm_neoni8mm_codes16_8x12,
          gk_qgemm_neoni8mm_codes32_8x12;
GK_ARM64_DOTS(GK_DECLARE_DOT)
}
constexpr AsmKernel<GemmTile> gemm_tiles[] = {
    GK_KERNEL(gk_gemm_neon_f32_8x12,        GK_NEON, 0,           neon,         8, 12, 1),
    GK_KERNEL(gk_gemm_neoninorder_f32_8x12, GK_NEON, GK_IN_ORDER, neon,         8, 12, 1),
};
constexpr AsmKernel<DigitTile> digit_tiles[] = {
    GK_KERNEL(gk_qgemm_neon_i8_4x8,         GK_NEON, 0,           neon,         4, 8,  8),
    GK_KERNEL(gk_qgemm_neondot_i8_8x12,     GK_NEON, GK_DOTPROD,  neon_dotprod, 8, 12, 4),
    GK_KERNEL(gk_qgemm_neoni8mm_i8_8x12,    GK_NEON, GK_I8MM,     neon_i8mm,    8, 12, 8),
};
constexpr AsmKernel<CodesTile> codes_tiles[] = {
    GK_KERNEL(gk_qgemm_neondot_codes16_8x12,  GK_NEON, GK_DOTPROD, neon_dotprod, 8, 12, 16),
    GK_KERNEL(gk_qgemm_neondot_codes32_8x12,  GK_NEON, GK_DOTPROD, neon_dotprod, 8, 12, 32),
    GK_KERNEL(gk_qgemm_neoni8mm_codes16_8x12, GK_NEON, GK_I8MM,    neon_i8mm,    8, 12, 16),
    GK_KERNEL(gk_qgemm_neoni8mm_codes32_8x12, GK_NEON, GK_I8MM,    neon_i8mm,    8, 12, 32),
};
constexpr AsmKernel<DotRows> dot_rows[] = { GK_ARM64_DOTS(GK_DOT) };
#else
constexpr AsmKernel<GemmTile>  gemm_tiles[]  = {{}};
constexpr AsmKernel<DigitTile> digit_tiles[] = {{}};
constexpr AsmKernel<CodesTile> codes_tiles[] = {{}};
constexpr AsmKernel<DotRows>   dot_rows[]    = {{}};
#endif

} // namespace impl
GK_NAMESPACE_END

// ============================================================================
// [8] ROUTES: which way a product takes
// ============================================================================
//
// Decided from the arguments and from what the instruction set has, never from threads, workspace or the data: the same
// call gives the same bits. (Two exceptions, whatever the threads: a row of inputs that no fixed point holds goes by
// codes, those of its groups as floats; panels that no tile holds turn to floats.)

GK_NAMESPACE_BEGIN
namespace impl {

GK_INL double work(size_t a, size_t b, size_t c) {
    return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

// ---- threads: a call of fewer operations stays in its thread

#ifndef GLLM_KERNELS_SHARED_WORK
#define GLLM_KERNELS_SHARED_WORK 262144
#endif
GK_INL Parallel worth(const Parallel& p, double operations) {
    return operations < GLLM_KERNELS_SHARED_WORK ? Parallel() : p;
}

// ---- dense products

enum class Form { rows, transposed, packed };                   // of B: [k][n], [n][k], panels of pack_b
/// The loop nest; or A and B in place: tiles, bands of B, dot products; or A in place, by panels made ahead.
enum class DensePath { nest, in_caches, skinny, dots, panels };

constexpr size_t SKINNY   = 8;                                  // rows of A that stream B once
constexpr size_t FEW_BY_PANELS = 32, FEW_BY_PANELS_K = 512;     // rows of A in place, B in panels; their length
constexpr double SMALL_BY_PANELS = 262144;                      // multiply-adds that are not worth packing A
constexpr size_t PANELS_K = 12288;                              // at most: sums in f32, see LONG_K
constexpr size_t SMALL_M  = 512, SMALL_M_OF_LARGE_B = 48, SMALL_K = 4096;
constexpr double SMALL_B  = 16384, MEDIUM_B = 70000, LARGE_B = 400000;          // elements of B

/// Do rows of B, read as columns of tiles, fall into the same sets of L1?
GK_INL bool rows_collide(size_t n, size_t k) {
    return (n % 512 == 0 && k > 32) || (n % 256 == 0 && k > 128) || k % 1024 == 0;
}

/// A in place by panels made ahead: whose rows, of so few or so short, are not worth packing.
GK_INL bool panels_in_place(const GemmKernels& g, size_t m, size_t n, size_t k) {
    return g.run_panels && k <= PANELS_K
            && (m <= SKINNY || k <= g.shallow || (m <= FEW_BY_PANELS && k <= FEW_BY_PANELS_K)
                || work(m, n, k) <= SMALL_BY_PANELS);
}
GK_INL DensePath dense_path(Form form, const GemmKernels& g, size_t m, size_t n, size_t k) {
    if (form == Form::packed)     return panels_in_place(g, m, n, k) ? DensePath::panels : DensePath::nest;
    if (form == Form::transposed) return m <= SKINNY ? DensePath::dots : DensePath::nest;
    const double b = work(n, k, 1);
    if (g.run_small && m <= SMALL_M && k <= SMALL_K) {
        if (b <= SMALL_B) return DensePath::in_caches;
        if (!rows_collide(n, k) && b <= (m <= SMALL_M_OF_LARGE_B ? LARGE_B : MEDIUM_B)) return DensePath::in_caches;
    }
    return m <= SKINNY ? DensePath::skinny : DensePath::nest;
}

// ---- AMX tiles, where the loop nest may use them: are they worth their packing? Asked of the whole product, so that
//      its parts agree.

constexpr size_t TILE_BLOCKS = 64;                              // of k that one f32 sum may add up

struct TileShape {
    size_t planes_a, planes_b, block, few;                      // of k; with fewer rows of one plane each they are not
    bool   packed, ready;                                       // B in panels of floats; in panels of tiles
};
GK_INL bool tiles_win(const TileShape& t, size_t m, size_t n, size_t k) {
    if (k > TILE_BLOCKS * t.block)                return false;
    if (t.ready)                                  return k > 0;
    if (t.planes_a == 1 && t.planes_b == 1)       return m >= t.few && n >= 16 && k >= 16;
    return m >= (t.packed ? 48 : 24) && n >= 64 && k >= 32;
}

// ---- quantised products

/// One row of x, or where there is no unit for it a few: weights as codes, row by row; or decoded to floats. More:
/// panels of codes; or the loop nest, with decoded panels.
enum class QuantRoute { decoded, codes, digits, nested };
constexpr size_t FEW_ROWS  = 8;                                 // of input, below here: weights are not packed
constexpr size_t FEW_BY_CODES = 13, FEW_BY_CODES_AVX2 = 10, FEW_BY_FAST_CODES = 24;  // the same where they become codes
constexpr size_t FEW_FOR_DOTS = 4, FEW_FOR_PANELS = 2;          // below here: codes in registers; codes not packed
constexpr size_t FEW_OUTPUTS = 4;                               // of output, below here: x is not worth preparing
constexpr size_t TILE_ROWS = 24;                                // from here: digits in AMX tiles

/// What computes digits: tiles where there are some, else the kernels of the format. Null: nothing does.
GK_INL const DigitKernels* digit_kernels(const FormatKernels& f, const DigitKernels* tiles, bool is_bf16, size_t m) {
    const bool in_tiles = tiles && m >= (is_bf16 ? FEW_ROWS : TILE_ROWS);
    return !in_tiles ? f.digits : f.unpack && !is_bf16 ? tiles : nullptr;      // one bf16 tile each is exact
}
GK_INL size_t code_digits(const FormatKernels& f, Precision precision) {
    return !f.codes ? 0 : precision == Precision::fast ? 1 : f.by_codes->exact;
}
GK_INL QuantRoute quant_route(const FormatKernels& f, const DigitKernels* d, size_t digits,
        size_t m, size_t n, size_t k, Precision precision) {
    const bool codes = n >= FEW_OUTPUTS && code_digits(f, precision);
    const size_t few = !d ? 0 : f.dots && !f.unpack ? FEW_FOR_DOTS : d->few;
    if (d && digits && m >= few && n >= FEW_OUTPUTS && k > 0 && k <= d->longest) return QuantRoute::digits;
    if (codes && m < (precision == Precision::fast ? FEW_BY_FAST_CODES : f.by_codes->few)) return QuantRoute::codes;
    return m < FEW_ROWS ? QuantRoute::decoded : QuantRoute::nested;
}
/// Terms of 8 bits that the loop nest takes of each factor: all three of a float, one where it holds no more or where
/// fast asks for no more.
struct Terms { size_t x, w; };
GK_INL Terms quant_terms(bool codes, bool is_bf16, Precision precision) {
    const bool fast = precision == Precision::fast;
    return {is_bf16 ? 1u : !fast ? 3u : codes ? 1u : 2u, codes || fast ? 1u : 3u};
}

} // namespace impl
GK_NAMESPACE_END

// For editors (.clangd), which show one reading of a file: the pass of the best set of the target, read here in place,
// and no other. GLLM_KERNELS_NO_AVX512 and so on choose another.
#ifdef GK_EDITOR
#if GK_HAS_AVX512
GK_REGION("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
#define GK_PASS GK_AVX512
#define GK_NS   avx512
#elif GK_HAS_AVX2
GK_REGION("avx2,fma,f16c")
#define GK_PASS GK_AVX2
#define GK_NS   avx2
#elif GK_HAS_NEON && GK_ARM64
#define GK_PASS GK_NEON
#define GK_NS   neon
#else
#define GK_PASS GK_SCALAR
#define GK_NS   scalar
#endif
#define GK_ISA GK_NS
#endif

#endif // GLLM_KERNELS_IMPLEMENTATION
#endif // GK_PASS

#ifdef GK_PASS                     // compiled once per instruction set

#ifndef GK_FEATURE
#define GK_FEATURE    0
#define GK_FEATURE_NS base
#endif
#ifdef GK_EMULATED
#define GK_ASM_PASS 0               // no kernels of asm/
#else
#define GK_ASM_PASS GK_PASS
#endif
#if GK_PASS == GK_AVX512 && GK_HAS_TILES && !defined(GK_EMULATED)
#define GK_TILES
#endif

GK_NAMESPACE_BEGIN
namespace GK_NS {
namespace {

#if !GK_FEATURE                    // the pass of a feature holds [15] alone

// ============================================================================
// [9] VECTOR PRIMITIVES: one block per instruction set, one function per line where it fits
// ============================================================================
//
// vf is VF floats, vi VF 32-bit integers, vm a mask of VF lanes, vb 32 bytes (as many as two 16-weight sub-blocks).
//
//   vzero vset; vset2: lo in the lower half, hi in the upper | vload vstore (float, f16, bf16), vload of int8_t |
//   vload_n vstore_n: the first n <= VF lanes, no byte beyond; others load as 0
//   vadd vsub vmul vdiv vroot vneg vabs | vmin vmax: second operand if either is NaN
//   vfma(a,b,c) = a b + c, fused where the unit exists | vxfma: always one rounding | vfnma(a,b,c) = c - a b
//   vlt vnan -> vm | vselect(m, a, b) = m ? a : b | vany
//   vround to nearest even | vint nearest integer | vfloat | viset viload viadd visub viand vior vishl vishr visra
//   vbits vunbits
//   vpow2(n) = 2^n, n in -126..127 | vscale2(x, n) = x 2^n rounded once, n in -252..252
//   vsum vhmax: over lanes, vhmax with no regard to NaN
//   vfirst(v, n): lanes n.. become 0 | vtranspose: VF vectors of VF lanes | vload_transposed: the same of rows ld
//   apart, where ld is a constant; of FEW rows, vfew | vdouble: lane l is lane l / 2 |
//   vhalves<s>(p, v): 16 lanes, the f16 at p + s (l / 2) | vrotate(x, c, s): pairs (a, b) -> (a c - b s, b c + a s)
//   vlut8(table, i): floats of a table of 8, i in 0..7 | vnibbles(p, shifts, n): lane l < n is bits shifts[l % 8] .. +3
//   of word l / 8
//
//   bload bset bnibbles (16 bytes: low nibbles, then high) bquads (four 64-bit words) bbits (bit i -> byte i, 0 or 255)
//   band bor bxor badd bsub bshl bshr, per byte | bge unsigned, 0 or 255 | blut (16 signed bytes) | bfloat(b, j):
//   signed bytes j VF .. as floats | bidx(b, j): the same as integers | bseq2 bseq3 bseq4 (8, 16, 16 bytes read): 32
//   fields of 2, 3, 4 bits in sequence, low bits first | half(p): the f16 at p | bpack16: 16 integers to bytes, twice |
//   bspread(a, i, j): byte i in the first 16, byte j in the others | btwice: byte i / 2 of the first eight, 16 bytes
//   that count

#if GK_PASS == GK_SCALAR            // ---- scalar -----------------------------

using vf = float;
using vi = int32_t;
using vm = bool;
struct vb { uint8_t b[32]; };
constexpr size_t VF = 1, MR = 4, NR = 4;

GK_INL vf   vzero()                                { return 0.0f; }
GK_INL vf   vset(float x)                          { return x; }
GK_INL vf   vload(const float* p)                  { return *p; }
GK_INL vf   vload(const int8_t* p)                 { return static_cast<float>(*p); }
GK_INL vf   vload(const f16* p)                    { return impl::f16_to_f32(p->bits); }
GK_INL vf   vload(const bf16* p)                   { return impl::bf16_to_f32(p->bits); }
GK_INL void vstore(float* p, vf v)                 { *p = v; }
GK_INL void vstore(f16* p, vf v)                   { p->bits = impl::f32_to_f16(v); }
GK_INL void vstore(bf16* p, vf v)                  { p->bits = impl::f32_to_bf16(v); }
template <class E> GK_INL vf vload_n(const E* p, size_t n)       { return n ? vload(p) : 0.0f; }
template <class E> GK_INL void vstore_n(E* p, vf v, size_t n)    { if (n) vstore(p, v); }
GK_INL vf   vadd(vf a, vf b)                       { return a + b; }
GK_INL vf   vsub(vf a, vf b)                       { return a - b; }
GK_INL vf   vmul(vf a, vf b)                       { return a * b; }
GK_INL vf   vdiv(vf a, vf b)                       { return a / b; }
GK_INL vf   vroot(vf a)                            { return impl::sqrt32(a); }
GK_INL vf   vneg(vf a)                             { return -a; }
GK_INL vf   vabs(vf a)                             { return impl::f32_from_bits(impl::f32_bits(a) & 0x7fffffffu); }
GK_INL vf   vmin(vf a, vf b)                       { return a < b ? a : b; }
GK_INL vf   vmax(vf a, vf b)                       { return a > b ? a : b; }
GK_INL vf   vfma(vf a, vf b, vf c)                 { return a * b + c; }
GK_INL vf   vfnma(vf a, vf b, vf c)                { return c - a * b; }
GK_INL vf   vxfma(vf a, vf b, vf c)                { return impl::fma32(a, b, c); }
GK_INL vm   vlt(vf a, vf b)                        { return a < b; }
GK_INL vm   vnan(vf a)                             { return a != a; }
GK_INL bool vany(vm m)                             { return m; }
GK_INL vf   vselect(vm m, vf a, vf b)              { return m ? a : b; }
GK_INL vf   vround(vf a)                           { return impl::round32(a); }
GK_INL vi   vint(vf a)                             { return static_cast<vi>(impl::round32(a)); }
GK_INL vf   vfloat(vi a)                           { return static_cast<float>(a); }
GK_INL vi   viset(int32_t x)                       { return x; }
GK_INL vi   viload(const void* p)                  { return static_cast<vi>(impl::load32(p)); }
GK_INL vi viadd(vi a, vi b) {
    return static_cast<vi>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
GK_INL vi visub(vi a, vi b) {
    return static_cast<vi>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}
GK_INL vi   viand(vi a, vi b)                      { return a & b; }
GK_INL vi   vior(vi a, vi b)                       { return a | b; }
GK_INL vi   vishl(vi a, int n)                     { return static_cast<vi>(static_cast<uint32_t>(a) << n); }
GK_INL vi   vishr(vi a, int n)                     { return static_cast<vi>(static_cast<uint32_t>(a) >> n); }
GK_INL vi   visra(vi a, int n)                     { return a >> n; }
GK_INL vi   vbits(vf a)                            { return static_cast<vi>(impl::f32_bits(a)); }
GK_INL vf   vunbits(vi a)                          { return impl::f32_from_bits(static_cast<uint32_t>(a)); }
GK_INL float vsum(vf a)                            { return a; }
GK_INL float vhmax(vf a)                           { return a; }
GK_INL vf   vfirst(vf a, size_t n)                 { return n ? a : 0.0f; }
GK_INL void vtranspose(vf (&)[1])                  {}
GK_INL vf   vdouble(vf a)                          { return a; }
GK_INL vf   vrotate(vf, vf, vf)                    { return 0; }
GK_INL vf   vlut8(const float* table, vi i)        { return table[i]; }
GK_INL vf vnibbles(const void* p, const int32_t* shifts, size_t) {
    return static_cast<float>((impl::load32(p) >> shifts[0]) & 15);
}

GK_INL vb   bload(const void* p)                   { vb r; memcpy(r.b, p, 32); return r; }
GK_INL vb   bset(int x)                            { vb r; memset(r.b, x, 32); return r; }
GK_INL vb   bquads(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    const uint64_t q[4] = {a, b, c, d};
    vb r;
    for (int i = 0; i < 32; i++) r.b[i] = static_cast<uint8_t>(q[i / 8] >> (8 * (i % 8)));
    return r;
}
GK_INL vb   bnibbles(const void* p) {
    vb r;
    memcpy(r.b, p, 16);
    for (int i = 0; i < 16; i++) { r.b[i + 16] = static_cast<uint8_t>(r.b[i] >> 4); r.b[i] &= 15; }
    return r;
}
GK_INL vb   bbits(uint32_t m) {
    vb r;
    for (int i = 0; i < 32; i++) r.b[i] = (m >> i) & 1 ? 255 : 0;
    return r;
}
#define GK_BYTES(name, expr) GK_INL vb name(vb x, vb y) { \
    for (int i = 0; i < 32; i++) { const int a = x.b[i], b = y.b[i]; x.b[i] = static_cast<uint8_t>(expr); } \
    return x; \
}
GK_BYTES(band, a & b)
GK_BYTES(bor,  a | b)
GK_BYTES(bxor, a ^ b)
GK_BYTES(badd, a + b)
GK_BYTES(bsub, a - b)
GK_BYTES(bge,  a >= b ? 255 : 0)
#undef GK_BYTES
GK_INL vb bshl(vb x, int n) {
    for (uint8_t& b : x.b) b = static_cast<uint8_t>(b << n);
    return x;
}
GK_INL vb bshr(vb x, int n) {
    for (uint8_t& b : x.b) b = static_cast<uint8_t>(b >> n);
    return x;
}
GK_INL vb blut(vb x, const int8_t* table) {
    for (uint8_t& b : x.b) b = static_cast<uint8_t>(table[b]);
    return x;
}
GK_INL vi   bidx(const vb& x, int j)               { return static_cast<int8_t>(x.b[j]); }
GK_INL vf   bfloat(const vb& x, int j)             { return static_cast<float>(static_cast<int8_t>(x.b[j])); }

#elif GK_PASS == GK_AVX2            // ---- avx2: AVX2, FMA, F16C --------------

using vf = __m256;
using vi = __m256i;
using vm = __m256;
using vb = __m256i;
constexpr size_t VF = 8, MR = 6, NR = 16;

GK_INL vi lanes_below(size_t n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(impl::mask_ramp + 16 - n));
}
GK_INL vf   vzero()                                { return _mm256_setzero_ps(); }
GK_INL vf   vset(float x)                          { return _mm256_set1_ps(x); }
GK_INL vf vset2(float lo, float hi) {
    return _mm256_insertf128_ps(_mm256_set1_ps(lo), _mm_set1_ps(hi), 1);
}
GK_INL vf   vload(const float* p)                  { return _mm256_loadu_ps(p); }
GK_INL vf vload(const int8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
GK_INL vf vload(const f16* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
GK_INL vf vload(const bf16* p) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
GK_INL void vstore(float* p, vf v)                 { _mm256_storeu_ps(p, v); }
GK_INL void vstore(f16* p, vf v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
GK_INL void vstore(bf16* p, vf v) {
    const vi x       = _mm256_castps_si256(v);
    const vi odd     = _mm256_and_si256(_mm256_srli_epi32(x, 16), _mm256_set1_epi32(1));
    const vi rounded = _mm256_srli_epi32(_mm256_add_epi32(x, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
    const vi quiet   = _mm256_or_si256(_mm256_srli_epi32(x, 16), _mm256_set1_epi32(0x40));
    const vi r       = _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
    const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), packed);
}
GK_INL vf   vload_n(const float* p, size_t n)      { return _mm256_maskload_ps(p, lanes_below(n)); }
GK_INL void vstore_n(float* p, vf v, size_t n)     { _mm256_maskstore_ps(p, lanes_below(n), v); }
template <class E> GK_INL vf vload_n(const E* p, size_t n) {
    E t[8] = {};
    impl::copy_few(t, p, n);
    return vload(t);
}
template <class E> GK_INL void vstore_n(E* p, vf v, size_t n) {
    E t[8];
    vstore(t, v);
    impl::copy_few(p, t, n);
}
GK_INL vf   vadd(vf a, vf b)                       { return _mm256_add_ps(a, b); }
GK_INL vf   vsub(vf a, vf b)                       { return _mm256_sub_ps(a, b); }
GK_INL vf   vmul(vf a, vf b)                       { return _mm256_mul_ps(a, b); }
GK_INL vf   vdiv(vf a, vf b)                       { return _mm256_div_ps(a, b); }
GK_INL vf   vroot(vf a)                            { return _mm256_sqrt_ps(a); }
GK_INL vf   vneg(vf a)                             { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
GK_INL vf   vabs(vf a)                             { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
GK_INL vf   vmin(vf a, vf b)                       { return _mm256_min_ps(a, b); }
GK_INL vf   vmax(vf a, vf b)                       { return _mm256_max_ps(a, b); }
GK_INL vf   vfma(vf a, vf b, vf c)                 { return _mm256_fmadd_ps(a, b, c); }
GK_INL vf   vfnma(vf a, vf b, vf c)                { return _mm256_fnmadd_ps(a, b, c); }
GK_INL vf   vxfma(vf a, vf b, vf c)                { return _mm256_fmadd_ps(a, b, c); }
GK_INL vm   vlt(vf a, vf b)                        { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
GK_INL vm   vnan(vf a)                             { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
GK_INL bool vany(vm m)                             { return _mm256_movemask_ps(m) != 0; }
GK_INL vf   vselect(vm m, vf a, vf b)              { return _mm256_blendv_ps(b, a, m); }
GK_INL vf vround(vf a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
GK_INL vi   vint(vf a)                             { return _mm256_cvtps_epi32(a); }
GK_INL vf   vfloat(vi a)                           { return _mm256_cvtepi32_ps(a); }
GK_INL vi   viset(int32_t x)                       { return _mm256_set1_epi32(x); }
GK_INL vi   viload(const void* p)                  { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
GK_INL vi   viadd(vi a, vi b)                      { return _mm256_add_epi32(a, b); }
GK_INL vi   visub(vi a, vi b)                      { return _mm256_sub_epi32(a, b); }
GK_INL vi   viand(vi a, vi b)                      { return _mm256_and_si256(a, b); }
GK_INL vi   vior(vi a, vi b)                       { return _mm256_or_si256(a, b); }
GK_INL vi   vishl(vi a, int n)                     { return _mm256_sll_epi32(a, _mm_cvtsi32_si128(n)); }
GK_INL vi   vishr(vi a, int n)                     { return _mm256_srl_epi32(a, _mm_cvtsi32_si128(n)); }
GK_INL vi   visra(vi a, int n)                     { return _mm256_sra_epi32(a, _mm_cvtsi32_si128(n)); }
GK_INL vi   vbits(vf a)                            { return _mm256_castps_si256(a); }
GK_INL vf   vunbits(vi a)                          { return _mm256_castsi256_ps(a); }
GK_INL float vsum(vf a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
GK_INL float vhmax(vf a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
GK_INL vf   vnibbles(const void* p, const int32_t* shifts, size_t) {
    return vfloat(viand(_mm256_srlv_epi32(viset(static_cast<int32_t>(impl::load32(p))), viload(shifts)), viset(15)));
}
GK_INL vf   vfirst(vf a, size_t n)                 { return _mm256_and_ps(a, _mm256_castsi256_ps(lanes_below(n))); }
GK_INL void vtranspose(vf (&r)[8]) {
    vf a[8], b[8];
    GK_UNROLL(4) for (int i = 0; i < 8; i += 2) {
        a[i]     = _mm256_unpacklo_ps(r[i], r[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    GK_UNROLL(2) for (int i = 0; i < 8; i += 4)
        GK_UNROLL(2) for (int h = 0; h < 2; h++) {
            b[i + 2 * h]     = _mm256_shuffle_ps(a[i + h], a[i + h + 2], 0x44);
            b[i + 2 * h + 1] = _mm256_shuffle_ps(a[i + h], a[i + h + 2], 0xee);
        }
    GK_UNROLL(4) for (int i = 0; i < 4; i++) {
        r[i]     = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}
GK_INL vf vdouble(vf a) {
    return _mm256_permutevar8x32_ps(a, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}
GK_INL vf vrotate(vf x, vf c, vf s) {
    return _mm256_fmaddsub_ps(x, c, _mm256_mul_ps(_mm256_permute_ps(x, 0xb1), s));
}
GK_INL vf   vlut8(const float* table, vi i)        { return _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), i); }

GK_INL vi   bidx(vb a, int j) {
    const __m128i half = j < 2 ? _mm256_castsi256_si128(a) : _mm256_extracti128_si256(a, 1);
    return _mm256_cvtepi8_epi32(j & 1 ? _mm_srli_si128(half, 8) : half);
}
GK_INL vf   bfloat(vb a, int j)                    { return _mm256_cvtepi32_ps(bidx(a, j)); }

#elif GK_PASS == GK_AVX512          // ---- avx512: F, BW, DQ, VL --------------

using vf = __m512;
using vi = __m512i;
using vm = __mmask16;
using vb = __m256i;
constexpr size_t VF = 16, MR = 14, NR = 32;

GK_INL vm   lanes_below(size_t n)                  { return static_cast<vm>((1u << n) - 1); }
GK_INL vf   vzero()                                { return _mm512_setzero_ps(); }
GK_INL vf   vset(float x)                          { return _mm512_set1_ps(x); }
GK_INL vf   vset2(float lo, float hi) {
    const __m256i upper = _mm256_castps_si256(_mm256_set1_ps(hi));
    return _mm512_castsi512_ps(_mm512_inserti64x4(_mm512_castps_si512(_mm512_set1_ps(lo)), upper, 1));
}
GK_INL vf   vload(const float* p)                  { return _mm512_loadu_ps(p); }
GK_INL vf   vload(const int8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
GK_INL vf   vload_f16(__m256i x)                   { return _mm512_cvtph_ps(x); }
GK_INL vf vload_bf16(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
GK_INL vf vload(const f16* p) {
    return vload_f16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
GK_INL vf vload(const bf16* p) {
    return vload_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
GK_INL __m256i vnarrow(const f16*, vf v)           { return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT); }
GK_INL __m256i vnarrow(const bf16*, vf v) {
    const vi x       = _mm512_castps_si512(v);
    const vi odd     = _mm512_and_si512(_mm512_srli_epi32(x, 16), _mm512_set1_epi32(1));
    const vi rounded = _mm512_srli_epi32(_mm512_add_epi32(x, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
    const vi quiet   = _mm512_or_si512(_mm512_srli_epi32(x, 16), _mm512_set1_epi32(0x40));
    return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), quiet));
}
GK_INL void vstore(float* p, vf v)                 { _mm512_storeu_ps(p, v); }
GK_INL void vstore(f16* p, vf v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), vnarrow(p, v));
}
GK_INL void vstore(bf16* p, vf v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), vnarrow(p, v));
}
GK_INL vf   vload_n(const float* p, size_t n)      { return _mm512_maskz_loadu_ps(lanes_below(n), p); }
GK_INL vf   vload_n(const f16* p, size_t n)        { return vload_f16(_mm256_maskz_loadu_epi16(lanes_below(n), p)); }
GK_INL vf   vload_n(const bf16* p, size_t n)       { return vload_bf16(_mm256_maskz_loadu_epi16(lanes_below(n), p)); }
GK_INL void vstore_n(float* p, vf v, size_t n)     { _mm512_mask_storeu_ps(p, lanes_below(n), v); }
GK_INL void vstore_n(f16* p, vf v, size_t n)       { _mm256_mask_storeu_epi16(p, lanes_below(n), vnarrow(p, v)); }
GK_INL void vstore_n(bf16* p, vf v, size_t n)      { _mm256_mask_storeu_epi16(p, lanes_below(n), vnarrow(p, v)); }
GK_INL vf   vadd(vf a, vf b)                       { return _mm512_add_ps(a, b); }
GK_INL vf   vsub(vf a, vf b)                       { return _mm512_sub_ps(a, b); }
GK_INL vf   vmul(vf a, vf b)                       { return _mm512_mul_ps(a, b); }
GK_INL vf   vdiv(vf a, vf b)                       { return _mm512_div_ps(a, b); }
GK_INL vf   vroot(vf a)                            { return _mm512_sqrt_ps(a); }
GK_INL vf   vneg(vf a)                             { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
GK_INL vf   vabs(vf a)                             { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
GK_INL vf   vmin(vf a, vf b)                       { return _mm512_min_ps(a, b); }
GK_INL vf   vmax(vf a, vf b)                       { return _mm512_max_ps(a, b); }
GK_INL vf   vfma(vf a, vf b, vf c)                 { return _mm512_fmadd_ps(a, b, c); }
GK_INL vf   vfnma(vf a, vf b, vf c)                { return _mm512_fnmadd_ps(a, b, c); }
GK_INL vf   vxfma(vf a, vf b, vf c)                { return _mm512_fmadd_ps(a, b, c); }
GK_INL vm   vlt(vf a, vf b)                        { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
GK_INL vm   vnan(vf a)                             { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
GK_INL bool vany(vm m)                             { return m != 0; }
GK_INL vf   vselect(vm m, vf a, vf b)              { return _mm512_mask_mov_ps(b, m, a); }
GK_INL vf vround(vf a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
GK_INL vi   vint(vf a)                             { return _mm512_cvtps_epi32(a); }
GK_INL vf   vfloat(vi a)                           { return _mm512_cvtepi32_ps(a); }
GK_INL vi   viset(int32_t x)                       { return _mm512_set1_epi32(x); }
GK_INL vi   viload(const void* p)                  { return _mm512_loadu_si512(p); }
GK_INL vi   viadd(vi a, vi b)                      { return _mm512_add_epi32(a, b); }
GK_INL vi   visub(vi a, vi b)                      { return _mm512_sub_epi32(a, b); }
GK_INL vi   viand(vi a, vi b)                      { return _mm512_and_si512(a, b); }
GK_INL vi   vior(vi a, vi b)                       { return _mm512_or_si512(a, b); }
GK_INL vi   vishl(vi a, int n)                     { return _mm512_sll_epi32(a, _mm_cvtsi32_si128(n)); }
GK_INL vi   vishr(vi a, int n)                     { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(n)); }
GK_INL vi   visra(vi a, int n)                     { return _mm512_sra_epi32(a, _mm_cvtsi32_si128(n)); }
GK_INL vi   vbits(vf a)                            { return _mm512_castps_si512(a); }
GK_INL vf   vunbits(vi a)                          { return _mm512_castsi512_ps(a); }
GK_INL __m256 vhalf(vf a, int hi) {
    return hi ? _mm512_extractf32x8_ps(a, 1) : _mm512_castps512_ps256(a);
}
GK_INL float vsum(vf a) {
    const __m256 h = _mm256_add_ps(vhalf(a, 0), vhalf(a, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
GK_INL float vhmax(vf a) {
    const __m256 h = _mm256_max_ps(vhalf(a, 0), vhalf(a, 1));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
GK_INL vf   vnibbles(const void* p, const int32_t* shifts, size_t n) {
    const __m256i lo = _mm256_set1_epi32(static_cast<int>(impl::load32(p)));
    const uint8_t* const next = static_cast<const uint8_t*>(p) + 4;
    const __m256i hi = _mm256_set1_epi32(n > 8 ? static_cast<int>(impl::load32(next)) : 0);
    const vi      s  = _mm512_broadcast_i32x8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(shifts)));
    return vfloat(viand(_mm512_srlv_epi32(_mm512_inserti64x4(_mm512_castsi256_si512(lo), hi, 1), s), viset(15)));
}
GK_INL vf   vfirst(vf a, size_t n)                 { return _mm512_maskz_mov_ps(lanes_below(n), a); }
GK_INL void vtranspose(vf (&r)[16]) {
    vf a[16], b[16];
    GK_UNROLL(8) for (int i = 0; i < 16; i += 2) {
        a[i]     = _mm512_unpacklo_ps(r[i], r[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    GK_UNROLL(4) for (int i = 0; i < 16; i += 4)
        GK_UNROLL(2) for (int h = 0; h < 2; h++) {
            b[i + 2 * h]     = _mm512_shuffle_ps(a[i + h], a[i + h + 2], 0x44);
            b[i + 2 * h + 1] = _mm512_shuffle_ps(a[i + h], a[i + h + 2], 0xee);
        }
    GK_UNROLL(4) for (int i = 0; i < 4; i++) {      // b[4 q + i] holds columns i, i + 4, i + 8, i + 12 of rows 4 q ..
        const vf lo0 = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x44);
        const vf hi0 = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xee);
        const vf lo1 = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x44);
        const vf hi1 = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xee);
        r[i]      = _mm512_shuffle_f32x4(lo0, lo1, 0x88);
        r[i + 4]  = _mm512_shuffle_f32x4(lo0, lo1, 0xdd);
        r[i + 8]  = _mm512_shuffle_f32x4(hi0, hi1, 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(hi0, hi1, 0xdd);
    }
}
GK_INL void vload_transposed(const float* p, size_t ld, vf (&r)[16]) {
    GK_UNROLL(4) for (int q = 0; q < 16; q += 4) {
        vf v[4];                                       // v[i] holds columns q .. q + 3 of rows i, i + 4, i + 8, i + 12
        GK_UNROLL(4) for (size_t i = 0; i < 4; i++) {
            const float* const x = p + i * ld + q;
            const __m256 lo =
                    _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x)), _mm_loadu_ps(x + 4 * ld), 1);
            v[i] = _mm512_mask_broadcast_f32x4(_mm512_castps256_ps512(lo), 0x0f00, _mm_loadu_ps(x + 8 * ld));
            v[i] = _mm512_mask_broadcast_f32x4(v[i], 0xf000, _mm_loadu_ps(x + 12 * ld));
        }
        const vf a = _mm512_unpacklo_ps(v[0], v[1]), b = _mm512_unpackhi_ps(v[0], v[1]);
        const vf c = _mm512_unpacklo_ps(v[2], v[3]), d = _mm512_unpackhi_ps(v[2], v[3]);
        r[q]     = _mm512_shuffle_ps(a, c, 0x44);
        r[q + 1] = _mm512_shuffle_ps(a, c, 0xee);
        r[q + 2] = _mm512_shuffle_ps(b, d, 0x44);
        r[q + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
}
GK_INL vf vdouble(vf a) {
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7), a);
}
GK_INL vf vrotate(vf x, vf c, vf s) {
    return _mm512_fmaddsub_ps(x, c, _mm512_mul_ps(_mm512_permute_ps(x, 0xb1), s));
}
GK_INL vf vlut8(const float* table, vi i) {
    return _mm512_permutexvar_ps(i, _mm512_castps256_ps512(_mm256_loadu_ps(table)));
}

GK_INL vi bidx(vb a, int j) {
    return _mm512_cvtepi8_epi32(j ? _mm256_extracti128_si256(a, 1) : _mm256_castsi256_si128(a));
}
GK_INL vf   bfloat(vb a, int j)                    { return _mm512_cvtepi32_ps(bidx(a, j)); }

#elif GK_PASS == GK_NEON            // ---- neon: ARMv8.0, or ARMv7 with VFPv4 ----

// GK_A64: the intrinsics that only aarch64 has are there. Without them (ARMv7, older SIMDe) lanes are taken one by one.
#if GK_ARM64 && !defined(GK_EMULATED)
#define GK_A64 1
#else
#define GK_A64 0
#endif

using vf = float32x4_t;
using vi = int32x4_t;
using vm = uint32x4_t;
struct vb { uint8x16_t lo, hi; };
#if GK_ARM32
constexpr size_t VF = 4, MR = 4, NR = 8;
#else
constexpr size_t VF = 4, MR = 8, NR = 12;
#endif

GK_INL vi   lanes_below(size_t n)                  { return vld1q_s32(impl::mask_ramp + 16 - n); }
GK_INL vf   vzero()                                { return vdupq_n_f32(0); }
GK_INL vf   vset(float x)                          { return vdupq_n_f32(x); }
GK_INL vf   vset2(float lo, float hi)              { return vcombine_f32(vdup_n_f32(lo), vdup_n_f32(hi)); }
GK_INL vf   vload(const float* p)                  { return vld1q_f32(p); }
GK_INL vf vload(const int8_t* p) {
    const uint32_t four = impl::load32(reinterpret_cast<const uint8_t*>(p));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))));
}
GK_INL vf vload(const bf16* p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(&p->bits), 16));
}
GK_INL void vstore(float* p, vf v)                 { vst1q_f32(p, v); }
GK_INL void vstore(bf16* p, vf v) {
    const uint32x4_t x       = vreinterpretq_u32_f32(v), hi = vshrq_n_u32(x, 16);
    const uint32x4_t bias    = vaddq_u32(vandq_u32(hi, vdupq_n_u32(1)), vdupq_n_u32(0x7fff));
    const uint32x4_t rounded = vshrq_n_u32(vaddq_u32(x, bias), 16);
    vst1_u16(&p->bits, vmovn_u32(vbslq_u32(vceqq_f32(v, v), rounded, vorrq_u32(hi, vdupq_n_u32(0x40)))));
}
#if GK_A64
GK_INL vf   vload(const f16* p)                    { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(&p->bits))); }
GK_INL void vstore(f16* p, vf v)                   { vst1_u16(&p->bits, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
GK_INL vf   vdiv(vf a, vf b)                       { return vdivq_f32(a, b); }
GK_INL vf   vroot(vf a)                            { return vsqrtq_f32(a); }
GK_INL vf   vxfma(vf a, vf b, vf c)                { return vfmaq_f32(c, a, b); }
GK_INL vf   vfnma(vf a, vf b, vf c)                { return vfmsq_f32(c, a, b); }
GK_INL vf   vround(vf a)                           { return vrndnq_f32(a); }
GK_INL vi   vint(vf a)                             { return vcvtnq_s32_f32(a); }
GK_INL bool vany(vm m)                             { return vmaxvq_u32(m) != 0; }
GK_INL float vsum(vf a)                            { return vaddvq_f32(a); }
GK_INL float vhmax(vf a)                           { return vmaxvq_f32(a); }
GK_INL float half(const void* p) {
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(impl::load16(p)))), 0);
}
GK_INL uint8x16_t lookup(uint8x16_t table, uint8x16_t i) { return vqtbl1q_u8(table, i); }
#else
GK_INL vf vload(const f16* p) {
    float t[4];
    for (int i = 0; i < 4; i++) t[i] = impl::f16_to_f32(p[i].bits);
    return vld1q_f32(t);
}
GK_INL void vstore(f16* p, vf v) {
    float t[4];
    vst1q_f32(t, v);
    for (int i = 0; i < 4; i++) p[i].bits = impl::f32_to_f16(t[i]);
}
GK_INL vf vdiv(vf a, vf b) {
    float s[4], t[4];
    vst1q_f32(s, a);
    vst1q_f32(t, b);
    for (int i = 0; i < 4; i++) s[i] /= t[i];
    return vld1q_f32(s);
}
GK_INL vf vroot(vf a) {
    float s[4];
    vst1q_f32(s, a);
    for (float& v : s) v = impl::sqrt32(v);
    return vld1q_f32(s);
}
#if defined(GK_EMULATED)
GK_INL vf   vxfma(vf a, vf b, vf c) {
    float s[4], t[4], u[4];
    vst1q_f32(s, a);
    vst1q_f32(t, b);
    vst1q_f32(u, c);
    for (int i = 0; i < 4; i++) u[i] = impl::fma32(s[i], t[i], u[i]);
    return vld1q_f32(u);
}
GK_INL vf   vfnma(vf a, vf b, vf c)                { return vsubq_f32(c, vmulq_f32(a, b)); }
#else
GK_INL vf   vxfma(vf a, vf b, vf c)                { return vfmaq_f32(c, a, b); }
GK_INL vf   vfnma(vf a, vf b, vf c)                { return vfmsq_f32(c, a, b); }
#endif
GK_INL vf   vround(vf a) {                         // adding 2^23 to the magnitude rounds it, where it is below 2^23
    const vf   big = vdupq_n_f32(8388608.0f), m = vabsq_f32(a), r = vsubq_f32(vaddq_f32(m, big), big);
    const vm sign  = vdupq_n_u32(0x80000000u);
    const vf   back = vbslq_f32(sign, a, r);
    return vbslq_f32(vcltq_f32(m, big), back, a);
}
GK_INL vi   vint(vf a)                             { return vcvtq_s32_f32(vround(a)); }
GK_INL bool vany(vm m) {
    const uint32x2_t h = vorr_u32(vget_low_u32(m), vget_high_u32(m));
    return (vget_lane_u32(h, 0) | vget_lane_u32(h, 1)) != 0;
}
GK_INL float vsum(vf a) {
    const float32x2_t h = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(h, 0) + vget_lane_f32(h, 1);
}
GK_INL float vhmax(vf a) {
    const float32x2_t h = vmax_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(vpmax_f32(h, h), 0);
}
GK_INL float half(const void* p)                   { return impl::f16_to_f32(impl::load16(p)); }
GK_INL uint8x16_t lookup(uint8x16_t table, uint8x16_t i) {
    uint8x8x2_t t;
    t.val[0] = vget_low_u8(table);
    t.val[1] = vget_high_u8(table);
    return vcombine_u8(vtbl2_u8(t, vget_low_u8(i)), vtbl2_u8(t, vget_high_u8(i)));
}
#endif
template <class E> GK_INL vf vload_n(const E* p, size_t n) {
    E t[4] = {};
    impl::copy_few(t, p, n);
    return vload(t);
}
template <class E> GK_INL void vstore_n(E* p, vf v, size_t n) {
    E t[4];
    vstore(t, v);
    impl::copy_few(p, t, n);
}
GK_INL vf   vadd(vf a, vf b)                       { return vaddq_f32(a, b); }
GK_INL vf   vsub(vf a, vf b)                       { return vsubq_f32(a, b); }
GK_INL vf   vmul(vf a, vf b)                       { return vmulq_f32(a, b); }
GK_INL vf   vneg(vf a)                             { return vnegq_f32(a); }
GK_INL vf   vabs(vf a)                             { return vabsq_f32(a); }
GK_INL vm   vlt(vf a, vf b)                        { return vcltq_f32(a, b); }
GK_INL vm   vnan(vf a)                             { return vmvnq_u32(vceqq_f32(a, a)); }
GK_INL vf   vselect(vm m, vf a, vf b)              { return vbslq_f32(m, a, b); }
GK_INL vf   vmin(vf a, vf b)                       { return vbslq_f32(vcltq_f32(a, b), a, b); }
GK_INL vf   vmax(vf a, vf b)                       { return vbslq_f32(vcgtq_f32(a, b), a, b); }
GK_INL vf   vfma(vf a, vf b, vf c)                 { return vfmaq_f32(c, a, b); }
GK_INL vf   vfloat(vi a)                           { return vcvtq_f32_s32(a); }
GK_INL vi   viset(int32_t x)                       { return vdupq_n_s32(x); }
GK_INL vi viload(const void* p) {
    return vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(p)));
}
GK_INL vi   viadd(vi a, vi b)                      { return vaddq_s32(a, b); }
GK_INL vi   visub(vi a, vi b)                      { return vsubq_s32(a, b); }
GK_INL vi   viand(vi a, vi b)                      { return vandq_s32(a, b); }
GK_INL vi   vior(vi a, vi b)                       { return vorrq_s32(a, b); }
GK_INL vi   vishl(vi a, int n)                     { return vshlq_s32(a, vdupq_n_s32(n)); }
GK_INL vi vishr(vi a, int n) {
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-n)));
}
GK_INL vi   visra(vi a, int n)                     { return vshlq_s32(a, vdupq_n_s32(-n)); }
GK_INL vi   vbits(vf a)                            { return vreinterpretq_s32_f32(a); }
GK_INL vf   vunbits(vi a)                          { return vreinterpretq_f32_s32(a); }
GK_INL vf   vfirst(vf a, size_t n)                 { return vunbits(vandq_s32(vbits(a), lanes_below(n))); }
GK_INL void vtranspose(vf (&r)[4]) {
    const float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}
using vfew = vf;
constexpr size_t FEW = 4;
GK_INL void vload_transposed(const float* p, size_t ld, vf (&r)[4]) {
    GK_UNROLL(4) for (size_t i = 0; i < 4; i++) r[i] = vload(p + i * ld);
    vtranspose(r);
}
GK_INL vf   vdouble(vf a)                          { return vzipq_f32(a, a).val[0]; }
GK_INL vf   vrotate(vf x, vf c, vf s) {
    static const uint32_t even_sign[4] = {0x80000000u, 0, 0x80000000u, 0};
    const uint32x4_t product = vreinterpretq_u32_f32(vmulq_f32(vrev64q_f32(x), s));
    const vf turned = vreinterpretq_f32_u32(veorq_u32(product, vld1q_u32(even_sign)));
    return vfma(x, c, turned);
}
GK_INL vf vlut8(const float* table, vi i) {
    int32_t t[4];
    vst1q_s32(t, i);
    float r[4];
    for (int l = 0; l < 4; l++) r[l] = table[t[l]];
    return vld1q_f32(r);
}
GK_INL vf   vnibbles(const void* p, const int32_t* shifts, size_t) {
    const uint32x4_t x = vshlq_u32(vdupq_n_u32(impl::load32(p)), vnegq_s32(vld1q_s32(shifts)));
    return vcvtq_f32_u32(vandq_u32(x, vdupq_n_u32(15)));
}

GK_INL vb bload(const void* p) {
    const uint8_t* q = static_cast<const uint8_t*>(p);
    return {vld1q_u8(q), vld1q_u8(q + 16)};
}
GK_INL vb   btwice(vb a) {
    const uint8x16x2_t z = vzipq_u8(a.lo, a.lo);
    return {z.val[0], z.val[1]};
}
template <size_t stride> GK_INL void vhalves(const uint8_t* p, vf (&v)[4]) {
    for (size_t j = 0; j < 4; j++) {
        const float32x2_t a = vdup_n_f32(half(p + 2 * j * stride)), b = vdup_n_f32(half(p + (2 * j + 1) * stride));
        v[j] = vcombine_f32(a, b);
    }
}
GK_INL vb   bpack16(const vi (&n)[4]) {
    const int16x8_t lo = vcombine_s16(vmovn_s32(n[0]), vmovn_s32(n[1]));
    const int16x8_t hi = vcombine_s16(vmovn_s32(n[2]), vmovn_s32(n[3]));
    const int8x16_t x  = vcombine_s8(vmovn_s16(lo), vmovn_s16(hi));
    return {vreinterpretq_u8_s8(x), vreinterpretq_u8_s8(x)};
}
GK_INL vb   bspread(vb a, size_t i, size_t j) {
    return {lookup(a.lo, vdupq_n_u8(static_cast<uint8_t>(i))), lookup(a.lo, vdupq_n_u8(static_cast<uint8_t>(j)))};
}
GK_INL vb bset(int x) {
    const uint8x16_t v = vdupq_n_u8(static_cast<uint8_t>(x));
    return {v, v};
}
GK_INL vb bquads(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return {vcombine_u8(vcreate_u8(a), vcreate_u8(b)), vcombine_u8(vcreate_u8(c), vcreate_u8(d))};
}
GK_INL vb bnibbles(const void* p) {
    const uint8x16_t x = vld1q_u8(static_cast<const uint8_t*>(p));
    return {vandq_u8(x, vdupq_n_u8(15)), vshrq_n_u8(x, 4)};
}
GK_INL vb   bbits(uint32_t m) {
    const uint8x8_t  one = vcreate_u8(0x8040201008040201u);
    const uint8x16_t which = vcombine_u8(one, one);
    const auto spread = [m](int i) { return vdup_n_u8(static_cast<uint8_t>(m >> (8 * i))); };
    return {vtstq_u8(vcombine_u8(spread(0), spread(1)), which), vtstq_u8(vcombine_u8(spread(2), spread(3)), which)};
}
GK_INL vb   band(vb a, vb b)                       { return {vandq_u8(a.lo, b.lo), vandq_u8(a.hi, b.hi)}; }
GK_INL vb   bor(vb a, vb b)                        { return {vorrq_u8(a.lo, b.lo), vorrq_u8(a.hi, b.hi)}; }
GK_INL vb   bxor(vb a, vb b)                       { return {veorq_u8(a.lo, b.lo), veorq_u8(a.hi, b.hi)}; }
GK_INL vb   badd(vb a, vb b)                       { return {vaddq_u8(a.lo, b.lo), vaddq_u8(a.hi, b.hi)}; }
GK_INL vb   bsub(vb a, vb b)                       { return {vsubq_u8(a.lo, b.lo), vsubq_u8(a.hi, b.hi)}; }
GK_INL vb   bge(vb a, vb b)                        { return {vcgeq_u8(a.lo, b.lo), vcgeq_u8(a.hi, b.hi)}; }
GK_INL vb bshl(vb a, int n) {
    const int8x16_t s = vdupq_n_s8(static_cast<int8_t>(n));
    return {vshlq_u8(a.lo, s), vshlq_u8(a.hi, s)};
}
GK_INL vb   bshr(vb a, int n)                      { return bshl(a, -n); }
GK_INL vb blut(vb a, const int8_t* table) {
    const uint8x16_t t = vreinterpretq_u8_s8(vld1q_s8(table));
    return {lookup(t, a.lo), lookup(t, a.hi)};
}
GK_INL vi   bidx(vb a, int j) {
    const int8x16_t half16 = vreinterpretq_s8_u8(j < 4 ? a.lo : a.hi);
    const int16x8_t wide   = vmovl_s8(j & 2 ? vget_high_s8(half16) : vget_low_s8(half16));
    return vmovl_s16(j & 1 ? vget_high_s16(wide) : vget_low_s16(wide));
}
GK_INL vf   bfloat(vb a, int j)                    { return vfloat(bidx(a, j)); }
GK_INL vb   bseq4(const void* p) {
    const uint8x16_t  x = vld1q_u8(static_cast<const uint8_t*>(p));
    const uint8x16x2_t z = vzipq_u8(vandq_u8(x, vdupq_n_u8(15)), vshrq_n_u8(x, 4));
    return {z.val[0], z.val[1]};
}
GK_INL vb   bseq2(const void* p) {
    const uint8x8_t  x = vld1_u8(static_cast<const uint8_t*>(p)), three = vdup_n_u8(3);
    const uint8x8x2_t even = vzip_u8(vand_u8(x, three), vand_u8(vshr_n_u8(x, 4), three));   // fields 0 and 2 of a byte
    const uint8x8x2_t odd  = vzip_u8(vand_u8(vshr_n_u8(x, 2), three), vshr_n_u8(x, 6));     // fields 1 and 3
    const uint8x16x2_t z = vzipq_u8(vcombine_u8(even.val[0], even.val[1]), vcombine_u8(odd.val[0], odd.val[1]));
    return {z.val[0], z.val[1]};
}
GK_INL vb   bseq3(const void* p) {
    const uint8_t* s = static_cast<const uint8_t*>(p);
    uint8_t r[32];
    for (int i = 0; i < 32; i++) r[i] = static_cast<uint8_t>(impl::load16(s + 3 * i / 8) >> (3 * i % 8) & 7);
    return bload(r);
}

#endif

#if GK_PASS == GK_AVX2 || GK_PASS == GK_AVX512   // ---- of both x86 sets ----
using vfew = __m256;
constexpr size_t FEW = 8;
GK_INL void vload_transposed(const float* p, size_t ld, vfew (&r)[8]) {
    GK_UNROLL(2) for (int q = 0; q < 8; q += 4) {
        vfew v[4];                                     // v[i] holds columns q .. q + 3 of rows i and i + 4
        GK_UNROLL(4) for (size_t i = 0; i < 4; i++)
            v[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + i * ld + q)),
                                        _mm_loadu_ps(p + (i + 4) * ld + q), 1);
        const vfew a = _mm256_unpacklo_ps(v[0], v[1]), b = _mm256_unpackhi_ps(v[0], v[1]);
        const vfew c = _mm256_unpacklo_ps(v[2], v[3]), d = _mm256_unpackhi_ps(v[2], v[3]);
        r[q]     = _mm256_shuffle_ps(a, c, 0x44);
        r[q + 1] = _mm256_shuffle_ps(a, c, 0xee);
        r[q + 2] = _mm256_shuffle_ps(b, d, 0x44);
        r[q + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
}

#if GK_PASS == GK_AVX2
GK_INL vb   bpack16(const vi (&n)[2]) {
    const __m256i x = _mm256_permute4x64_epi64(_mm256_packs_epi32(n[0], n[1]), 0xd8);
    return _mm256_permute4x64_epi64(_mm256_packs_epi16(x, x), 0x88);
}
#else
GK_INL vb   bpack16(const vi (&n)[1]) {
    const __m256i lo = _mm512_castsi512_si256(n[0]), hi = _mm512_extracti64x4_epi64(n[0], 1);
    const __m256i x  = _mm256_permute4x64_epi64(_mm256_packs_epi32(lo, hi), 0xd8);
    return _mm256_permute4x64_epi64(_mm256_packs_epi16(x, x), 0x88);
}
#endif
GK_INL vb   btwice(vb a) {
    const __m128i x = _mm256_castsi256_si128(a);
    return _mm256_castsi128_si256(_mm_unpacklo_epi8(x, x));
}
template <size_t stride> GK_INL void vhalves(const uint8_t* p, vf (&v)[16 / VF]) {
    short s[8];
    for (size_t i = 0; i < 8; i++) s[i] = static_cast<short>(impl::load16(p + i * stride));
    const __m128i h = _mm_setr_epi16(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
#if GK_PASS == GK_AVX512
    v[0] = vdouble(_mm512_castps256_ps512(_mm256_cvtph_ps(h)));
#else
    const __m256 f = _mm256_cvtph_ps(h);
    v[0] = vdouble(f);
    v[1] = vdouble(_mm256_permute2f128_ps(f, f, 1));
#endif
}
GK_INL vb   bspread(vb a, size_t i, size_t j) {
    const __m128i lo = _mm_set1_epi8(static_cast<char>(i)), hi = _mm_set1_epi8(static_cast<char>(j));
    return _mm256_shuffle_epi8(a, _mm256_set_m128i(hi, lo));
}

GK_INL vb   bload(const void* p)                   { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
GK_INL vb   bset(int x)                            { return _mm256_set1_epi8(static_cast<char>(x)); }
GK_INL vb bquads(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return _mm256_set_epi64x(static_cast<long long>(d), static_cast<long long>(c), static_cast<long long>(b),
            static_cast<long long>(a));
}
GK_INL vb   bnibbles(const void* p) {
    const __m128i x = _mm_loadu_si128(static_cast<const __m128i*>(p));
    const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(x), _mm_srli_epi16(x, 4), 1);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}
GK_INL vb   bbits(uint32_t m) {
    const __m256i which = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const vb spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(m)), which);
    const vb one    = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
    return _mm256_cmpeq_epi8(_mm256_and_si256(spread, one), one);
}
GK_INL vb   band(vb a, vb b)                       { return _mm256_and_si256(a, b); }
GK_INL vb   bor(vb a, vb b)                        { return _mm256_or_si256(a, b); }
GK_INL vb   bxor(vb a, vb b)                       { return _mm256_xor_si256(a, b); }
GK_INL vb   badd(vb a, vb b)                       { return _mm256_add_epi8(a, b); }
GK_INL vb   bsub(vb a, vb b)                       { return _mm256_sub_epi8(a, b); }
GK_INL vb   bge(vb a, vb b)                        { return _mm256_cmpeq_epi8(_mm256_max_epu8(a, b), a); }
GK_INL vb bshl(vb a, int n) {
    return _mm256_and_si256(_mm256_sll_epi16(a, _mm_cvtsi32_si128(n)), bset(255 << n));
}
GK_INL vb bshr(vb a, int n) {
    return _mm256_and_si256(_mm256_srl_epi16(a, _mm_cvtsi32_si128(n)), bset(255 >> n));
}
GK_INL vb blut(vb a, const int8_t* table) {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), a);
}

#endif

// ---- built on the above, the same for all -----------------------------------

GK_INL vf   vpow2(vi n)                            { return vunbits(vishl(viadd(n, viset(127)), 23)); }
#if GK_PASS == GK_AVX512
GK_INL vf   vscale2(vf x, vi n)                    { return _mm512_scalef_ps(x, vfloat(n)); }
#elif GK_PASS != GK_TRACE
GK_INL vf vscale2(vf x, vi n) {
    const vi half = visra(n, 1);
    return vmul(vmul(x, vpow2(half)), vpow2(visub(n, half)));
}
#endif

#if GK_PASS == GK_SCALAR

GK_INL float half(const void* p)                   { return impl::f16_to_f32(impl::load16(p)); }
GK_INL vb   bseq2(const void* p) {
    const uint64_t x = impl::load64(p);
    vb r;
    for (int i = 0; i < 32; i++) r.b[i] = static_cast<uint8_t>(x >> (2 * i) & 3);
    return r;
}
GK_INL vb   bseq3(const void* p) {
    const uint8_t* s = static_cast<const uint8_t*>(p);
    vb r;
    for (int i = 0; i < 32; i++) r.b[i] = static_cast<uint8_t>(impl::load16(s + 3 * i / 8) >> (3 * i % 8) & 7);
    return r;
}
GK_INL vb   bseq4(const void* p) {
    const uint8_t* s = static_cast<const uint8_t*>(p);
    vb r;
    for (int i = 0; i < 32; i++) r.b[i] = static_cast<uint8_t>(s[i / 2] >> (4 * (i % 2)) & 15);
    return r;
}

#elif GK_PASS == GK_AVX2 || GK_PASS == GK_AVX512

GK_INL float half(const void* p) {
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(impl::load16(p))));
}
GK_INL vb   bseq2(const void* p) {
    vb x = _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    x = _mm256_or_si256(x, _mm256_slli_epi32(x, 12));
    return _mm256_and_si256(_mm256_or_si256(x, _mm256_slli_epi32(x, 6)), bset(3));
}
GK_INL vb   bseq3(const void* p) {                 // 4 fields a word: two bytes, then shifted and spread
    const vb pick = _mm256_setr_epi8(0, 1, -1, -1, 1, 2, -1, -1, 3, 4, -1, -1, 4, 5, -1, -1,
                                     6, 7, -1, -1, 7, 8, -1, -1, 9, 10, -1, -1, 10, 11, -1, -1);
    vb x = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p))), pick);
    x = _mm256_srlv_epi32(x, _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4));
    x = _mm256_or_si256(band(x, _mm256_set1_epi32(0x3f)), _mm256_slli_epi32(band(x, _mm256_set1_epi32(0xfc0)), 10));
    return _mm256_or_si256(band(x, _mm256_set1_epi16(7)), _mm256_slli_epi16(band(x, _mm256_set1_epi16(0x38)), 5));
}
GK_INL vb   bseq4(const void* p) {
    const vb x = _mm256_cvtepu8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    return _mm256_and_si256(_mm256_or_si256(x, _mm256_slli_epi16(x, 4)), bset(15));
}

#endif

// ---- exponentials, and the gates made of them -------------------------------
//
// e^(rate q) = 2^n e^(rate r) with n = nearest(rate q / ln 2), r = q - n (ln 2 / rate), |rate r| <= 0.347. The rate
// lives in the constants, so that a scaled argument costs neither an instruction nor a rounding.
//
// A gate is x s(x) with s(x) + s(-x) = 1. With a = |x| and y = a s(-a) it is max(x, 0) - y on both sides of zero. s(-a)
// is carried times 2^48 to the last step, since it may be subnormal where y is not; a is cut where y has long rounded
// to 0.

/// part (e^(rate r) - 1) = r (first + r (c[0] + .. + c[4] r^4)), error 3.1e-9 of e^(rate r) before the coefficients are
/// rounded.
struct ExpRate {
    float per_ln2, ln2_hi, ln2_lo, first, c[5];
    constexpr explicit ExpRate(double rate, double part = 1)
        : per_ln2(static_cast<float>(rate * 1.4426950408889634)), ln2_hi(0), ln2_lo(0),
          first(static_cast<float>(rate * part)), c() {
        const double minimax[5] = {0.4999999343207066, 0.16666520400169382, 0.04166839083778827, 0.00836874503064419,
                0.0013814536219470385};
        const double ln2 = 0.6931471805599453 / rate;
        double unit = 1, power = rate * part;                             // 14 bits in ln2_hi make n ln2_hi exact
        while ((ln2 < 0 ? -ln2 : ln2) < 8192 * unit) unit /= 2;
        ln2_hi = static_cast<float>(static_cast<int>(ln2 / unit) * unit);
        ln2_lo = static_cast<float>(ln2 - static_cast<int>(ln2 / unit) * unit);
        for (int k = 0; k < 5; k++) c[k] = static_cast<float>(minimax[k] * (power *= rate));
    }
};

constexpr ExpRate rate_exp(1), rate_tanh(-2, -0.5), rate_silu(-1), rate_quick(-1.702), rate_erf(0.5);
constexpr ExpRate rate_gelu(2 * 0.7978845608028654 * 0.044715);           // sqrt(8 / pi) 0.044715
constexpr float round_bias = 12582912.0f;                                 // 1.5 2^23: adding it rounds to an integer
constexpr float up48 = 48, down48 = 3.5527136788005009e-15f;              // 2^-48

struct Reduced { vf r, n, t; };                                           // t: n + shift in its lowest bits

GK_INL Reduced vreduce(vf q, const ExpRate& e, float shift) {
    const vf bias = vset(round_bias + shift), t = vfma(q, vset(e.per_ln2), bias), n = vsub(t, bias);
    return {vfnma(n, vset(e.ln2_lo), vfnma(n, vset(e.ln2_hi), q)), n, t};
}
/// c - a b, always one rounding.
GK_INL vf vxfnma(vf a, vf b, vf c) {
    return GK_PASS == GK_AVX2 || GK_PASS == GK_AVX512 ? vfnma(a, b, c) : vxfma(vneg(a), b, c);
}
/// q = -a b without the rounding of a b.
GK_INL Reduced vreduce_product(vf a, vf b, const ExpRate& e, float shift) {
    const vf bias = vset(round_bias + shift), t = vfnma(vmul(a, b), vset(e.per_ln2), bias), n = vsub(t, bias);
    return {vfnma(n, vset(e.ln2_lo), vxfnma(a, b, vmul(n, vset(-e.ln2_hi)))), n, t};
}
GK_INL vf vexp_tail(vf r, const ExpRate& e) {
    const vf q = vfma(vfma(vset(e.c[4]), r, vset(e.c[3])), r, vset(e.c[2]));
    return vfma(vfma(q, r, vset(e.c[1])), r, vset(e.c[0]));
}
GK_INL vf vexp_slope(vf r, const ExpRate& e)       { return vfma(vexp_tail(r, e), r, vset(e.first)); }
GK_INL vf vexp_part(vf r, const ExpRate& e)        { return vfma(vexp_slope(r, e), r, vset(1)); }
/// p 2^(n + shift), both normal.
GK_INL vf vexponent(vf p, vi t)                    { return vunbits(viadd(vbits(p), vishl(t, 23))); }
GK_INL vf vabove(vf x)                             { return vmax(vset(-0.0f), x); }

// vleast(x, limit): min(|x|, limit), either of the two for NaN | vrcp: 1 / b to 2^-13 or better
// vscale(p, z): 2^n p rounded once, p in 0.7..1.5, n in -152..128, z reduced with shift 126
// vscale_rarely(x, n): 2^n x rounded once, n an integer in -252..0 and seldom another than 0
#if GK_PASS == GK_AVX512
GK_INL vf vscale_rarely(vf x, vf n)                { return _mm512_scalef_ps(x, n); }
GK_INL vf vleast(vf x, float limit)                { return _mm512_maskz_range_ps(0xffff, x, vset(limit), 10); }
GK_INL vf vrcp(vf b)                               { return _mm512_maskz_rcp14_ps(0xffff, b); }
GK_INL vf vscale(vf p, const Reduced& z)           { return _mm512_maskz_scalef_ps(0xffff, p, z.n); }
#elif GK_PASS == GK_TRACE
GK_INL vf vleast(vf x, float limit) {
    return vf(record(TraceCode::least, TraceType::f32, x, vf(limit)));
}
GK_INL vf vrcp(vf b)                               { return vf(record(TraceCode::recip, TraceType::f32, b)); }
GK_INL vf vscale(vf p, const Reduced& z)           { return vf(record(TraceCode::scale, TraceType::f32, p, z.n, z.t)); }
GK_INL vf vscale_rarely(vf x, vf n)                { return vscale2(x, vint(n)); }
#else
GK_INL vf vleast(vf x, float limit)                { return vmin(vset(limit), vabs(x)); }
GK_INL vf vrcp(vf b)                               { return vdiv(vset(1), b); }
GK_INL vf vscale(vf p, const Reduced& z) {
    const vi t = vbits(z.t), normal = vbits(vmax(z.t, vset(round_bias + 2)));
    return vmul(vmul(p, vunbits(vishl(normal, 23))), vexponent(vset(2), visub(t, normal)));
}
GK_INL vf vscale_rarely(vf x, vf n)                { return vany(vlt(n, vzero())) ? vscale2(x, vint(n)) : x; }
#endif

/// e^x within 1 ulp, 1.2 ulp where fma rounds twice; subnormal results rounded once.
GK_INL vf vexp(vf x) {
    const Reduced z = vreduce(vmin(vset(89), vmax(vset(-104), x)), rate_exp, 126);
    return vscale(vexp_part(z.r, rate_exp), z);
}

/// tanh a = h / (1 - h), h = (1 - e^-2a) / 2 = (1 - 2^n) / 2 + 2^n (1 - e^-2r) / 2, within 2 ulp: the remainder of the
/// division is taken as (h - q) + h q, which leaves out the rounding of 1 - h.
GK_INL vf vtanh(vf x) {
    const Reduced z = vreduce(vmin(vset(10), vabs(x)), rate_tanh, 127);
    const vf power = vunbits(vishl(vbits(z.t), 23));
    const vf part  = vfma(vmul(z.r, z.r), vexp_tail(z.r, rate_tanh), z.r);
    const vf h     = vfma(power, part, vfma(power, vset(-0.5f), vset(0.5f)));
    const vf rcp   = vrcp(vsub(vset(1), h)), q = vmul(h, rcp);
    const vf y     = vfma(vxfma(h, q, vsub(h, q)), rcp, q);
    return vunbits(vior(vbits(y), viand(vbits(x), viset(INT32_MIN))));
}

/// max(x, 0) - a e / (1 + e), z reduced with shift 48. Each gate is within 4 ulp where its result is normal.
GK_INL vf vgate(vf x, vf a, const Reduced& z, const ExpRate& rate) {
    const vf e = vexponent(vexp_part(z.r, rate), vbits(z.t));
    return vfnma(vmul(a, vdiv(e, vfma(e, vset(down48), vset(1)))), vset(down48), vabove(x));
}
GK_INL vf vsilu(vf x) {
    const vf a = vleast(x, 110);
    return vgate(x, a, vreduce(a, rate_silu, up48), rate_silu);
}
GK_INL vf vgelu_quick(vf x) {
    const vf a = vleast(x, 65);
    return vgate(x, a, vreduce(a, rate_quick, up48), rate_quick);
}

/// sqrt(8 / pi) (a + 0.044715 a^3) = rate a v, v = a^2 + 1 / 0.044715 in two parts; c_hi - v is exact.
GK_INL vf vgelu(vf x) {
    constexpr double c = 1 / 0.044715, c_hi = 1465638 / 65536.0;
    const vf a = vleast(x, 11), c_top = vset(static_cast<float>(c_hi));
    const vf v = vxfma(a, a, c_top), v_lo = vadd(vxfma(a, a, vsub(c_top, v)), vset(static_cast<float>(c - c_hi)));
    Reduced z = vreduce_product(a, v, rate_gelu, up48);
    z.r = vfnma(a, v_lo, z.r);
    return vgate(x, a, z, rate_gelu);
}

/// y = a erfc(a / sqrt 2) / 2 = e^(-a^2 / 2) g f(g - 0.375), g = a / (a + 1.875), f minimax for 0 <= a <= 14.5,
/// relative error 7.3e-9.
GK_INL vf vgelu_erf(vf x) {
    constexpr float f[12] = {0.735994163f, -0.592809566f, -0.0825627831f, 0.231843432f, 0.151788227f, -0.0446923804f,
                             -0.141929348f, -0.10880685f, 0.00387679746f, 0.16506524f, 0.118466312f, -0.148729164f};
    const vf a = vleast(x, 14.5f), g = vdiv(a, vadd(a, vset(1.875f))), u = vsub(g, vset(0.375f));
    vf p = vset(f[11]);
    GK_UNROLL(11) for (int k = 10; k >= 0; k--) p = vfma(p, u, vset(f[k]));
    const Reduced z = vreduce_product(a, a, rate_erf, up48);
    const vf e = vexponent(vfma(vmul(z.r, vexp_slope(z.r, rate_erf)), p, p), vbits(z.t));
    return vfnma(vmul(e, g), vset(down48), vabove(x));
}

/// silu(g) u where neither factor alone need be normal: s(g) = 1 / (1 + 2^n (1 + part)) meets the smaller of them
/// first, u below |g| = 1 and g above; powers below 2^-100 come last.
GK_INL vf vswiglu(vf g, vf u) {
    const vf a = vmax(vset(-200), g);
    const Reduced z = vreduce(vmin(a, vset(80)), rate_silu, 127);
    const vf t = vmin(z.t, vset(round_bias + 227)), power = vunbits(vishl(vbits(t), 23));
    const vf part = vmul(z.r, vexp_slope(z.r, rate_silu)), s = vdiv(vset(1), vadd(vfma(power, part, vset(1)), power));
    const vm below_one = vlt(vabs(a), vset(1));
    const vf y = vmul(vmul(vselect(below_one, u, a), s), vselect(below_one, a, u));
    return vscale_rarely(y, vsub(t, z.t));
}

// ============================================================================
// [10] OPERATIONS: each written once
// ============================================================================

// ---- loops ------------------------------------------------------------------
//
// An operation is functors and terms in the loops below, and scalars of a row between them. The pass of [24] has
// recorders of the same names, and values that are not there yet: so the length of a row is an extent, its scalars are
// single, real and truth, and `choose` and `either` stand for branches on them.

struct Pair { vf first, second; };

#if GK_PASS != GK_TRACE

using extent = size_t;
using single = float;
using real   = double;
using truth  = bool;

GK_INL truth always()                              { return true; }
GK_INL real length_of(extent n)                    { return static_cast<real>(n ? n : 1); }
GK_INL real square_root(real x)                    { return impl::sqrt64(x); }
template <class E> GK_INL real real_at(const E* p) { return static_cast<real>(impl::to_f32(*p)); }
template <class T> GK_INL T choose(truth c, T a, T b) { return c ? a : b; }
template <class A, class B> GK_INL void either(truth c, const A& a, const B& b) { if (c) a(); else b(); }

/// out[i] = f(x[i]): two vectors at a time, then one, then a partial one.
template <class E, class F> GK_INL void map1(const E* x, E* out, extent n, const F& f) {
    GLLM_KERNELS_ASSERT(n == 0 || (x && out));
    size_t i = 0;
    for (; i + 2 * VF <= n; i += 2 * VF) {
        const vf y0 = f(vload(x + i)), y1 = f(vload(x + i + VF));
        vstore(out + i, y0);
        vstore(out + i + VF, y1);
    }
    for (; i + VF <= n; i += VF) vstore(out + i, f(vload(x + i)));
    if (i < n) vstore_n(out + i, f(vload_n(x + i, n - i)), n - i);
}

/// out[i] = f(a[i], b[i]).
template <class E, class F> GK_INL void map2(const E* a, const E* b, E* out, extent n, const F& f) {
    GLLM_KERNELS_ASSERT(n == 0 || (a && b && out));
    size_t i = 0;
    for (; i + 2 * VF <= n; i += 2 * VF) {
        const vf y0 = f(vload(a + i), vload(b + i)), y1 = f(vload(a + i + VF), vload(b + i + VF));
        vstore(out + i, y0);
        vstore(out + i + VF, y1);
    }
    for (; i + VF <= n; i += VF) vstore(out + i, f(vload(a + i), vload(b + i)));
    if (i < n) vstore_n(out + i, f(vload_n(a + i, n - i), vload_n(b + i, n - i)), n - i);
}

/// out[i] = f(a[i], b[i], c[i]).
template <class E, class F> GK_INL void map3(const E* a, const E* b, const E* c, E* out, extent n, const F& f) {
    size_t i = 0;
    for (; i + VF <= n; i += VF) vstore(out + i, f(vload(a + i), vload(b + i), vload(c + i)));
    if (i < n) vstore_n(out + i, f(vload_n(a + i, n - i), vload_n(b + i, n - i), vload_n(c + i, n - i)), n - i);
}
/// (a[i], b[i]) = f(a[i], b[i], c[i], s[i]).
template <class E, class F> GK_INL void map_halves(E* a, E* b, const E* c, const E* s, extent n, const F& f) {
    for (size_t i = 0; i < n; i += VF) {
        const size_t l = n - i < VF ? n - i : VF;
        const Pair   y = f(vload_n(a + i, l), vload_n(b + i, l), vload_n(c + i, l), vload_n(s + i, l));
        vstore_n(a + i, y.first, l);
        vstore_n(b + i, y.second, l);
    }
}
/// (p[2 i], p[2 i + 1]) = f(p[2 i], p[2 i + 1], c[i], s[i]), where f is what vrotate does to a pair.
template <class E, class F> GK_INL void map_pairs(E* p, const E* c, const E* s, extent n, const F& f) {
    for (size_t i = 0; VF == 1 && i < n; i++) {
        const Pair y = f(vload(p + 2 * i), vload(p + 2 * i + 1), vload(c + i), vload(s + i));
        vstore(p + 2 * i, y.first);
        vstore(p + 2 * i + 1, y.second);
    }
    for (size_t i = 0; VF > 1 && i < n; i += VF / 2) {
        const size_t l = n - i < VF / 2 ? n - i : VF / 2;
        const vf     x = vload_n(p + 2 * i, 2 * l);
        vstore_n(p + 2 * i, vrotate(x, vdouble(vload_n(c + i, l)), vdouble(vload_n(s + i, l))), 2 * l);
    }
}
/// f(x[i], m) of every i, m beginning as `first`, for an f that no order matters to; by lanes, as f of lanes is.
template <class E, class F> GK_INL vf fold(const E* x, extent n, vf first, const F& f) {
    vf m0 = first, m1 = first;
    size_t i = 0;
    for (; i + 2 * VF <= n; i += 2 * VF) {
        m0 = f(vload(x + i), m0);
        m1 = f(vload(x + i + VF), m1);
    }
    for (; i + VF <= n; i += VF) m0 = f(vload(x + i), m0);
    if (i < n) {
        float last[VF];
        vstore(last, m0);
        vstore_n(last, vload_n(x + i, n - i), n - i);
        m0 = f(vload(last), m0);
    }
    return f(m1, m0);
}
/// The largest lane, NaN if one is.
GK_INL single max_lane(vf m)                       { return vany(vnan(m)) ? impl::quiet_nan : vhmax(m); }

/// The largest of two magnitudes that term(i, count) gives, NaN aside. Once the first exceeds `enough`, that is all
/// that need be known of either.
struct Peaks { single first, second; };
template <class Term> GK_INL Peaks peaks(extent n, const Term& term, float enough) {
    vf a = vzero(), b = vzero();
    for (size_t i = 0; i < n; i += VF) {
        const Pair v = term(i, n - i < VF ? n - i : VF);
        a = vmax(v.first, a);
        b = vmax(v.second, b);
        if (vany(vlt(vset(enough), a))) return {impl::infinity, 0};
    }
    return {vhmax(a), vhmax(b)};
}

// Sums of n terms. term(i, acc) adds terms i .. i+VF-1 to acc, term.tail(i, acc, count) the last few. A rounding errs
// by u = 2^-24 of a partial sum, which is at most sum |terms|; a sum of any n is off by as many u as roundings lie on
// the way of one term.

/// Four chains of `steps` from i on, added up by lanes: steps + 2 roundings.
template <size_t steps, class Term> GK_INL vf sum_of_block(size_t& i, size_t n, const Term& term) {
    const size_t end = n - i > 4 * steps * VF ? i + 4 * steps * VF : n;
    vf s0 = vzero(), s1 = vzero(), s2 = vzero(), s3 = vzero();
    for (; i + 4 * VF <= end; i += 4 * VF) {
        s0 = term(i, s0);
        s1 = term(i + VF, s1);
        s2 = term(i + 2 * VF, s2);
        s3 = term(i + 3 * VF, s3);
    }
    if (i < end) {
        if (i + VF <= end) { s0 = term(i, s0); i += VF; }
        if (i + VF <= end) { s1 = term(i, s1); i += VF; }
        if (i + VF <= end) { s2 = term(i, s2); i += VF; }
        if (i < end)       { s3 = term.tail(i, s3, end - i); i = end; }
    }
    return vadd(vadd(s0, s1), vadd(s2, s3));
}
/// Blocks added up in double: steps + 2 + log2 VF roundings, 39 with that of the result where steps is 32.
template <size_t steps = 32, class Term> GK_INL real blocked_sum(extent n, const Term& term) {
    double total = 0;
    for (size_t i = 0; i < n;) total += static_cast<double>(vsum(sum_of_block<steps>(i, n, term)));
    return total;
}
/// steps + 2 roundings, one less where terms are added as they are: short chains, and what is lost when they are added
/// up by lanes is found (the TwoSum of Knuth) and kept. 64 blocks at a time, so that the sum of what was lost loses
/// less than 2^-34; lanes are added in double.
template <size_t steps, class Term> GK_INL real precise_sum(extent n, const Term& term) {
    double total = 0;
    for (size_t i = 0; i < n;) {
        vf sum = vzero(), lost = vzero();
        for (size_t block = 0; block < 64 && i < n; block++) {
            const vf part = sum_of_block<steps>(i, n, term), next = vadd(sum, part), back = vsub(next, sum);
            lost = vadd(lost, vadd(vsub(sum, vsub(next, back)), vsub(part, back)));
            sum  = next;
        }
        float s[VF], l[VF];
        vstore(s, sum);
        vstore(l, lost);
        double kept = 0;
        for (size_t j = 0; j < VF; j++) { total += static_cast<double>(s[j]); kept += static_cast<double>(l[j]); }
        if (kept - kept == 0) total += kept;                    // not where the sum is infinite or NaN
    }
    return total;
}

/// In double, one after another.
template <class Term> GK_INL real sum_in_double(extent n, const Term& term) {
    real sum = 0;
    for (size_t i = 0; i < n; i++) sum += term(i);
    return sum;
}
/// out[i] = f(i), rounded once to float.
template <class E, class F> GK_INL void map_in_double(E* out, extent n, const F& f) {
    for (size_t i = 0; i < n; i++) impl::from_f32(static_cast<float>(f(i)), out + i);
}

#endif // GK_PASS != GK_TRACE

template <class E> GK_INL E rounded(float v) { E e; impl::from_f32(v, &e); return e; }
template <class E> GK_INL E rounded(double v) { return rounded<E>(static_cast<float>(v)); }

// ---- vectors ----------------------------------------------------------------

struct add_of { GK_MEM vf operator()(vf a, vf b) const { return vadd(a, b); } };
struct sub_of { GK_MEM vf operator()(vf a, vf b) const { return vsub(a, b); } };
struct mul_of { GK_MEM vf operator()(vf a, vf b) const { return vmul(a, b); } };
struct scale_by { vf s; GK_MEM vf operator()(vf x) const { return vmul(x, s); } };
struct axpy_of { vf a; GK_MEM vf operator()(vf x, vf y) const { return vfma(a, x, y); } };
struct div_of { GK_MEM vf operator()(vf a, vf b) const { return vdiv(a, b); } };
struct neg_of { GK_MEM vf operator()(vf x) const { return vneg(x); } };
struct abs_of { GK_MEM vf operator()(vf x) const { return vabs(x); } };
struct sqrt_of { GK_MEM vf operator()(vf x) const { return vroot(x); } };
struct rsqrt_of { GK_MEM vf operator()(vf x) const { return vdiv(vset(1), vroot(x)); } };
struct recip_of { GK_MEM vf operator()(vf x) const { return vdiv(vset(1), x); } };
struct offset_by { vf s; GK_MEM vf operator()(vf x) const { return vadd(x, s); } };

template <class E> void vec_add(const E* a, const E* b, E* out, extent n) { map2(a, b, out, n, add_of{}); }
template <class E> void vec_sub(const E* a, const E* b, E* out, extent n) { map2(a, b, out, n, sub_of{}); }
template <class E> void vec_mul(const E* a, const E* b, E* out, extent n) { map2(a, b, out, n, mul_of{}); }
template <class E> void vec_scale(E* x, single s, extent n)               { map1(x, x, n, scale_by{vset(s)}); }
template <class E> void vec_axpy(E* y, single a, const E* x, extent n) {
    map2(x, static_cast<const E*>(y), y, n, axpy_of{vset(a)});
}

template <class E> struct product_terms {
    const E *a, *b;
    GK_MEM vf operator()(size_t i, vf acc) const     { return vfma(vload(a + i), vload(b + i), acc); }
    GK_MEM vf tail(size_t i, vf acc, size_t n) const { return vfma(vload_n(a + i, n), vload_n(b + i, n), acc); }
};
template <class E> struct plain_terms {
    const E* x;
    GK_MEM vf operator()(size_t i, vf acc) const     { return vadd(acc, vload(x + i)); }
    GK_MEM vf tail(size_t i, vf acc, size_t n) const { return vadd(acc, vload_n(x + i, n)); }
};

template <class E> single dot_of(const E* a, const E* b, extent n) {
    return static_cast<single>(blocked_sum(n, product_terms<E>{a, b}));
}
template <class E> single sum_of(const E* x, extent n) {
    return static_cast<single>(blocked_sum(n, plain_terms<E>{x}));
}

/// The larger of each lane, NaN if either is; m is what was found so far.
struct larger { GK_MEM vf operator()(vf x, vf m) const { return vselect(vnan(x), x, vmax(x, m)); } };
struct smaller { GK_MEM vf operator()(vf x, vf m) const { return vselect(vnan(x), x, vmin(x, m)); } };
struct clamp_to { vf low, high; GK_MEM vf operator()(vf x) const { return smaller()(larger()(x, low), high); } };
/// The largest of x, NaN if one is; of zeros, any.
template <class E> GK_INL single largest(const E* x, extent n) {
    return max_lane(fold(x, n, vset(-impl::infinity), larger{}));
}

// ---- activations ------------------------------------------------------------

struct relu_of       { GK_MEM vf operator()(vf x) const { return vselect(vlt(x, vzero()), vzero(), x); } };
struct silu_of       { GK_MEM vf operator()(vf x) const { return vsilu(x); } };
struct gelu_of       { GK_MEM vf operator()(vf x) const { return vgelu(x); } };
struct gelu_erf_of   { GK_MEM vf operator()(vf x) const { return vgelu_erf(x); } };
struct gelu_quick_of { GK_MEM vf operator()(vf x) const { return vgelu_quick(x); } };
struct tanh_of       { GK_MEM vf operator()(vf x) const { return vtanh(x); } };
struct exp_of        { GK_MEM vf operator()(vf x) const { return vexp(x); } };
struct swiglu_of     { GK_MEM vf operator()(vf g, vf u) const { return vswiglu(g, u); } };

template <class E> void relu(const E* x, E* out, extent n)       { map1(x, out, n, relu_of{}); }
template <class E> void silu(const E* x, E* out, extent n)       { map1(x, out, n, silu_of{}); }
template <class E> void gelu(const E* x, E* out, extent n)       { map1(x, out, n, gelu_of{}); }
template <class E> void gelu_erf(const E* x, E* out, extent n)   { map1(x, out, n, gelu_erf_of{}); }
template <class E> void gelu_quick(const E* x, E* out, extent n) { map1(x, out, n, gelu_quick_of{}); }
template <class E> void tanh(const E* x, E* out, extent n)       { map1(x, out, n, tanh_of{}); }
template <class E> void exp(const E* x, E* out, extent n)        { map1(x, out, n, exp_of{}); }
template <class E> void swiglu(const E* gate, const E* up, E* out, extent n) { map2(gate, up, out, n, swiglu_of{}); }

template <class E> constexpr bool holds_f32 = Element<E>::ELEM_ID == Element<float>::ELEM_ID;

/// Terms e^(x - max), kept in `keep` on the way when that is f32.
template <class E> struct exp_terms {
    const E* x;
    E*       keep;
    vf       max;
    GK_MEM vf operator()(size_t i, vf acc) const {
        const vf e = vexp(vsub(vload(x + i), max));
        if (holds_f32<E>) vstore(keep + i, e);
        return vadd(acc, e);
    }
    GK_MEM vf tail(size_t i, vf acc, size_t n) const {
        const vf e = vfirst(vexp(vsub(vload_n(x + i, n), max)), n);
        if (holds_f32<E>) vstore_n(keep + i, e, n);
        return vadd(acc, e);
    }
};
struct exp_scaled { vf max, scale; GK_MEM vf operator()(vf x) const { return vmul(vexp(vsub(x, max)), scale); } };

/// softmax: out = e^(x - max x) / sum. f32 keeps the exponentials in out; the 16-bit types, which would round them,
/// compute them again. In u: an exponential 2.4, and 0.4 of the largest for rounding x - max x (t e^-t < 0.37); these
/// again and 5 in the sum; scale and product 2: 12.6. A row of -inf only has sum 0, and becomes zeros.
template <class E> void softmax(const E* x, E* out, extent n) {
    const single max   = largest(x, n);
    const vf     top   = vset(choose(max < -impl::largest_float, static_cast<single>(0), max));
    const real   sum   = precise_sum<4>(n, exp_terms<E>{x, out, top});
    const vf     scale = vset(static_cast<single>(choose(0 < sum, 1 / sum, sum)));
    if (holds_f32<E>) map1(static_cast<const E*>(out), out, n, scale_by{scale});
    else              map1(x, out, n, exp_scaled{top, scale});
}

// ---- normalisation ----------------------------------------------------------

template <class E> struct centred_reals {
    const E* x;
    real     mean;
    GK_MEM real operator()(size_t i) const           { return real_at(x + i) - mean; }
};
template <class E> struct squared_reals {
    centred_reals<E> d;
    GK_MEM real operator()(size_t i) const           { return d(i) * d(i); }
};
template <class E> struct normed_reals {
    centred_reals<E> d;
    const E          *gamma, *beta;
    real             scale;
    GK_MEM real operator()(size_t i) const {
        const real y = d(i) * scale * real_at(gamma + i);
        return beta ? y + real_at(beta + i) : y;
    }
};

/// The two formulas below in double, for rows that f32 does not hold well; without beta, the mean is 0.
template <class E> GK_NOINLINE void norm_in_double(const E* x, const E* gamma, const E* beta, E* out, extent n,
        single eps) {
    centred_reals<E> d = {x, 0};
    for (int pass = 0; beta && pass < 2; pass++)                // the second finds what the first one's rounding left
        d.mean = d.mean + sum_in_double(n, d) / length_of(n);
    const real variance = sum_in_double(n, squared_reals<E>{d}) / length_of(n);
    map_in_double(out, n, normed_reals<E>{d, gamma, beta, 1 / square_root(variance + static_cast<real>(eps))});
}
/// Is a mean of squares one that f32 computes well, neither overflown nor made of squares that underflow?
GK_INL truth well_scaled(real mean_square) { return 1e-28 < mean_square && mean_square < 1e34; }

struct scaled_product { vf s; GK_MEM vf operator()(vf x, vf w) const { return vmul(vmul(x, s), w); } };
template <class E> struct product_and_weight {
    const E       *x, *w;
    scaled_product f;
    GK_MEM Pair operator()(size_t i, size_t n) const {
        const vf v = vload_n(w + i, n);
        return {vabs(f(vload_n(x + i, n), v)), vabs(v)};
    }
};

/// x s may be subnormal, and wrong by 2^-150; a weight may be 2^128. Does that matter beside the largest result? Not
/// where one reaches 1, which the first few vectors tell of most rows, nor where no weight is 2^126 times the largest.
template <class E> GK_INL truth products_keep(const E* x, const E* w, extent n, const scaled_product& f) {
    if (Element<E>::ELEM_ID == Element<f16>::ELEM_ID) return always();
    const Peaks most = peaks(n, product_and_weight<E>{x, w, f}, 1);
    return 1 < most.first || !(8.507059e37f * most.first < most.second);        // 2^126
}

/// rms_norm: y = x w / sqrt(mean(x^2) + eps). In u: half of the 14 of the sum, 1 of the scale, 2 of the products, 4 for
/// subnormal ones.
template <class E> GK_INL void rms_norm_row(const E* x, const E* weight, E* out, extent n, single eps) {
    const real mean_square = blocked_sum<8>(n, product_terms<E>{x, x}) / length_of(n);
    const scaled_product f = {vset(static_cast<single>(1 / square_root(mean_square + static_cast<real>(eps))))};
    either(well_scaled(mean_square) && products_keep(x, weight, n, f),
           [&]() GK_INLINED { map2(x, weight, out, n, f); },
           [&]() GK_INLINED { norm_in_double(x, weight, static_cast<const E*>(nullptr), out, n, eps); });
}

template <class E> struct centred_terms {
    const E* x;
    vf       mean;
    GK_MEM vf operator()(size_t i, vf acc) const     { return vadd(acc, vsub(vload(x + i), mean)); }
    GK_MEM vf tail(size_t i, vf acc, size_t n) const { return vadd(acc, vfirst(vsub(vload_n(x + i, n), mean), n)); }
};
template <class E> struct centred_squares {
    const E* x;
    vf       mean, rest;
    GK_MEM vf operator()(size_t i, vf acc) const {
        const vf d = vsub(vsub(vload(x + i), mean), rest);
        return vfma(d, d, acc);
    }
    GK_MEM vf tail(size_t i, vf acc, size_t n) const {
        const vf d = vfirst(vsub(vsub(vload_n(x + i, n), mean), rest), n);
        return vfma(d, d, acc);
    }
};
struct normed {
    vf mean, rest, scale;
    GK_MEM vf operator()(vf x, vf gamma, vf beta) const {
        return vfma(vmul(vsub(vsub(x, mean), rest), scale), gamma, beta);
    }
};

/// layer_norm: y = (x - mean) / sqrt(var + eps) gamma + beta. The mean is a float and a remainder, found from the
/// centred values. Rows whose mean is 4096 times their deviation or more are left to double; in the others the float's
/// error is a hundredth of the deviation. In u of the largest (x - mean) / deviation: the remainder 5.1, centring 2,
/// half of the variance's 6 + 4.2, scale, product and sum 3: 15.2.
template <class E> GK_INL void layer_norm_row(const E* x, const E* gamma, const E* beta, E* out, extent n, single eps) {
    const single about = static_cast<single>(blocked_sum(n, plain_terms<E>{x}) / length_of(n));
    const vf     mean  = vset(about);
    const vf     rest  = vset(static_cast<single>(precise_sum<2>(n, centred_terms<E>{x, mean}) / length_of(n)));
    const real   var   = precise_sum<4>(n, centred_squares<E>{x, mean, rest}) / length_of(n);
    const real   wide  = static_cast<real>(about);
    const vf     scale = vset(static_cast<single>(1 / square_root(var + static_cast<real>(eps))));
    either(well_scaled(var) && wide * wide < 16777216 * var,
           [&]() GK_INLINED { map3(x, gamma, beta, out, n, normed{mean, rest, scale}); },
           [&]() GK_INLINED { norm_in_double(x, gamma, beta, out, n, eps); });
}

// ---- positions --------------------------------------------------------------

// (a, b) -> (a cos - b sin, a sin + b cos), as each layout rounds it.
struct turned_half {
    GK_MEM Pair operator()(vf a, vf b, vf c, vf s) const { return {vfnma(b, s, vmul(a, c)), vfma(a, s, vmul(b, c))}; }
};
struct turned_pair {
    GK_MEM Pair operator()(vf a, vf b, vf c, vf s) const {
        return {vfma(a, c, vneg(vmul(b, s))), vfma(b, c, vmul(a, s))};
    }
};

// What is recorded ends here.
#endif // !GK_FEATURE
#if GK_PASS != GK_TRACE
#if !GK_FEATURE

// ---- rows of operations ---------------------------------------------------------

template <class E> void rms_norm(const E* x, const E* weight, E* out, size_t rows, size_t n, float eps) {
    GLLM_KERNELS_ASSERT(rows == 0 || n == 0 || (x && weight && out));
    for (size_t r = 0; r < rows; r++) rms_norm_row(x + r * n, weight, out + r * n, n, eps);
}
template <class E> void layer_norm(const E* x, const E* gamma, const E* beta, E* out, size_t rows, size_t n,
        float eps) {
    GLLM_KERNELS_ASSERT(rows == 0 || n == 0 || (x && gamma && beta && out));
    for (size_t r = 0; r < rows; r++) layer_norm_row(x + r * n, gamma, beta, out + r * n, n, eps);
}
/// rope: each pair of each head; interleaved pairs are lanes (2l, 2l + 1).
template <class E> void rope(E* qk, const E* cos, const E* sin, size_t heads, size_t head_dim, size_t n_rot,
        RopeStyle style) {
    GLLM_KERNELS_ASSERT(heads == 0 || n_rot < 2 || (qk && cos && sin));
    GLLM_KERNELS_ASSERT(n_rot % 2 == 0 && n_rot <= head_dim);
    const size_t pairs = n_rot / 2;
    for (size_t h = 0; h < heads; h++, qk += head_dim) {
        if (style == RopeStyle::half) map_halves(qk, qk + pairs, cos, sin, pairs, turned_half{});
        else                          map_pairs(qk, cos, sin, pairs, turned_pair{});
    }
}

// ---- reductions to an element --------------------------------------------------

template <class E> E vec_dot(const E* a, const E* b, size_t n) {
    GLLM_KERNELS_ASSERT(n == 0 || (a && b));
    return rounded<E>(dot_of(a, b, n));
}
template <class E> E vec_sum(const E* x, size_t n) {
    GLLM_KERNELS_ASSERT(n == 0 || x);
    return rounded<E>(sum_of(x, n));
}
template <class E> E vec_sum_squares(const E* x, size_t n) { return vec_dot(x, x, n); }

/// The larger of the zeros in x, none of which compares above another: -0 if there is no +0.
template <class E> GK_NOINLINE float zero_of(const E* x, size_t n) {
    for (size_t i = 0; i < n; i++) if (impl::f32_bits(impl::to_f32(x[i])) == 0) return 0.0f;
    return -0.0f;
}
template <class E> E vec_max(const E* x, size_t n) {
    GLLM_KERNELS_ASSERT(n == 0 || x);
    const float max = largest(x, n);
    return rounded<E>(max == 0 ? zero_of(x, n) : max);
}

// ---- inputs of products -----------------------------------------------------

template <class From, class To> void convert(const From* x, To* out, size_t n) {
    size_t i = 0;
    for (; i + VF <= n; i += VF) vstore(out + i, vload(x + i));
    if (i < n) vstore_n(out + i, vload_n(x + i, n - i), n - i);
}

/// The largest magnitude of n <= 32 inputs; NaN if they have no fixed point: one is NaN, or the largest is neither 0
/// nor of 1e-30 .. 1e30.
template <class E> GK_INL float group_maximum(const E* x, size_t n) {
    vf m = vzero();
    for (size_t j = 0; j < n; j += VF) m = larger()(vabs(n - j >= VF ? vload(x + j) : vload_n(x + j, n - j)), m);
    const float max = vhmax(m);
    return !vany(vnan(m)) && (max == 0 || (max >= 1e-30f && max <= 1e30f)) ? max : impl::quiet_nan;
}
/// q[32] = n <= 32 inputs times per_step as integers, zeros behind them, all with 128 added to each of three digits to
/// base 256: none is negative, none borrows. Rounded to nearest whatever the mode: one step more would wrap.
GK_INL void to_digits(const float* x, size_t n, float per_step, int32_t* q) {
    for (size_t j = 0; j < 32; j += VF) {
        const vf v = j + VF <= n ? vload(x + j) : j < n ? vload_n(x + j, n - j) : vzero();
        const vi fixed = viadd(vint(vround(vmul(v, vset(per_step)))), viset(0x808080));
        memcpy(q + j, &fixed, sizeof fixed);
    }
}
/// The largest integer of so many signed digits to base 256, the highest of them 127.
constexpr float full_scale(size_t digits) {
    return digits == 1 ? 127.0f : digits == 2 ? 127 * 256.0f : 127 * 65536.0f;
}

// ---- recorded maps ----------------------------------------------------------------

#ifdef GLLM_KERNELS_COMPILER
GK_INL vm   mask_of(vf v)                          { return vlt(vzero(), v); }
GK_INL vf   of_mask(vm m)                          { return vselect(m, vset(1), vzero()); }

/// `count` elements of one step. Sources of constants are one vector: their stride is 0.
GK_INL void map_step(const impl::MapStep& s, const float* const* from, const size_t* stride, float* to, size_t count) {
#define GK_STEP(name, value) \
    case TraceCode::name: \
        for (size_t j = 0; j < count; j += VF) { \
            const vf a = vload(from[0] + j * stride[0]), b = vload(from[1] + j * stride[1]); \
            const vf c = vload(from[2] + j * stride[2]); \
            (void)a, (void)b, (void)c; \
            vstore(to + j, value); \
        } \
        return;
    switch (s.code) {
        GK_STEP(add,       vadd(a, b))
        GK_STEP(sub,       vsub(a, b))
        GK_STEP(mul,       vmul(a, b))
        GK_STEP(div,       vdiv(a, b))
        GK_STEP(neg,       vneg(a))
        GK_STEP(abs,       vabs(a))
        GK_STEP(min,       vmin(a, b))
        GK_STEP(max,       vmax(a, b))
        GK_STEP(root,      vroot(a))
        GK_STEP(fma,       vfma(a, b, c))
        GK_STEP(fnma,      vfnma(a, b, c))
        GK_STEP(xfma,      vxfma(a, b, c))
        GK_STEP(less,      of_mask(vlt(a, b)))
        GK_STEP(unordered, of_mask(vnan(a)))
        GK_STEP(select,    vselect(mask_of(a), b, c))
        GK_STEP(both,      vmul(a, b))
        GK_STEP(any,       vmax(a, b))
        GK_STEP(negate,    vsub(vset(1), a))
        GK_STEP(round,     vround(a))
        GK_STEP(to_int,    vunbits(vint(a)))
        GK_STEP(to_float,  vfloat(vbits(a)))
        GK_STEP(bits,      a)
        GK_STEP(unbits,    a)
        GK_STEP(iadd,      vunbits(viadd(vbits(a), vbits(b))))
        GK_STEP(isub,      vunbits(visub(vbits(a), vbits(b))))
        GK_STEP(iand,      vunbits(viand(vbits(a), vbits(b))))
        GK_STEP(ior,       vunbits(vior(vbits(a), vbits(b))))
        GK_STEP(shl,       vunbits(vishl(vbits(a), s.index)))
        GK_STEP(shr,       vunbits(vishr(vbits(a), s.index)))
        GK_STEP(sra,       vunbits(visra(vbits(a), s.index)))
        GK_STEP(least,     vleast(a, *from[1]))
        GK_STEP(recip,     vrcp(a))
        GK_STEP(scale,     vscale(a, Reduced{vzero(), b, c}))
        GK_STEP(scale2,    vscale2(a, vbits(b)))
        default: return;
    }
#undef GK_STEP
}
/// All steps for some vectors, then for the next. Where all of a slot is used, inputs are read where they are, and what
/// is stored is computed there.
static void run_map(const impl::MapJob& job) {
    constexpr size_t RUN = VF < 8 ? 64 : 8 * VF;
    impl::Lines<float, impl::MAP_SLOTS * RUN>    slot_room;
    impl::Lines<float, impl::MAP_CONSTANTS * VF> constant_room;
    float* const slots = slot_room.begin();
    float* const constants = constant_room.begin();
    const float* at[impl::MAP_SLOTS] = {};
    for (size_t i = 0; i < job.constant_count; i++)
        vstore(constants + i * VF, vunbits(viset(static_cast<int32_t>(job.constants[i]))));
    for (size_t i = 0; i < job.n; i += RUN) {
        const size_t count = job.n - i < RUN ? job.n - i : RUN;
        for (size_t k = 0; k < job.count; k++) {
            const impl::MapStep& s = job.steps[k];
            const float* from[3];
            size_t       stride[3];
            for (size_t j = 0; j < 3; j++) {
                from[j]   = s.from[j] < 0 ? constants + static_cast<size_t>(~s.from[j]) * VF : at[s.from[j]];
                stride[j] = s.from[j] < 0 ? 0 : 1;
            }
            const impl::MapStep* const next = k + 1 < job.count && count == RUN ? &s + 1 : nullptr;
            const bool stored = next && next->code == TraceCode::store && next->from[0] == s.to;
            float* const to = stored ? job.out + i : slots + s.to * RUN;
            if (s.code == TraceCode::store) {
                for (size_t j = 0; j < count; j += VF)
                    vstore_n(job.out + i + j, vload(from[0] + j * stride[0]), count - j < VF ? count - j : VF);
                continue;
            }
            at[s.to] = s.code == TraceCode::load && count == RUN ? job.in[s.index] + i : to;
            if (s.code != TraceCode::load) { map_step(s, from, stride, to, count); k += stored; }
            else if (count < RUN)          convert(job.in[s.index] + i, to, count);
        }
    }
}
#endif

// ---- dot products of rows ---------------------------------------------------

/// The line of *p will be read soon. Any address is allowed.
#if defined(__GNUC__)
GK_INL void prefetch(const char* p) { __builtin_prefetch(p); }
#else
GK_INL void prefetch(const char*)   {}
#endif

constexpr size_t DOT_BLOCK = 32 * VF, DOT_BLOCKS = 16 * DOT_BLOCK;
constexpr size_t DOT_ROWS = VF >= 16 ? 4 : 2, DOT_OUTPUTS = 64, DOT_AHEAD = 1024;

/// total[i][j] += a_i . b_j by lanes, for i < M rows of a and j < R rows of b, n <= DOT_BLOCK. One chain an output. The
/// streams of b are prefetched DOT_AHEAD bytes ahead.
template <size_t M, size_t R, class E, class W>
void dot_block(const E* a, size_t lda, const W* b, size_t ldb, size_t n, vf* total) {
    vf s[M][R];
    GK_UNROLL(8) for (size_t i = 0; i < M; i++)
        GK_UNROLL(8) for (size_t j = 0; j < R; j++) s[i][j] = vzero();
    size_t p = 0;
    for (; p + VF <= n; p += VF) {
        vf y[R];
        GK_UNROLL(8) for (size_t j = 0; j < R; j++) {
            y[j] = vload(b + j * ldb + p);
            prefetch(reinterpret_cast<const char*>(b + j * ldb + p) + DOT_AHEAD);
        }
        GK_UNROLL(8) for (size_t i = 0; i < M; i++) {
            const vf x = vload(a + i * lda + p);
            GK_UNROLL(8) for (size_t j = 0; j < R; j++) s[i][j] = vfma(x, y[j], s[i][j]);
        }
    }
    if (p < n) {
        GK_UNROLL(8) for (size_t i = 0; i < M; i++) {
            const vf x = vload_n(a + i * lda + p, n - p);
            GK_UNROLL(8) for (size_t j = 0; j < R; j++) s[i][j] = vfma(x, vload_n(b + j * ldb + p, n - p), s[i][j]);
        }
    }
    GK_UNROLL(8) for (size_t i = 0; i < M; i++)
        GK_UNROLL(8) for (size_t j = 0; j < R; j++) total[i * R + j] = vadd(total[i * R + j], s[i][j]);
}

/// The same for 1 <= rows <= M of them.
template <size_t M, size_t R, class E, class W>
void dot_few(size_t rows, const E* a, size_t lda, const W* b, size_t ldb, size_t n, vf* total) {
    if (rows == M) dot_block<M, R>(a, lda, b, ldb, n, total);
    else if constexpr (M > 1) dot_few<M - 1, R>(rows, a, lda, b, ldb, n, total);
}

/// c[i * ldc + j * apart] = a_i . b_(j apart) for i < m <= Most rows of a and j < R, k long: blocks are added up by
/// lanes, 16 of them in double, in an order that depends on k alone. Roundings: 32 in a block, 15 of blocks, log2 VF of
/// lanes, 1 of the result: 52 at most.
template <size_t Most, size_t R, class E, class W>
void dot_group(const E* a, const W* b, size_t apart, size_t m, size_t k, float* c, size_t ldc) {
    constexpr size_t M = R == 1 ? 1 : Most < DOT_ROWS ? Most : DOT_ROWS;
    double total[Most * R] = {};
    for (size_t p0 = 0; p0 < k; p0 += DOT_BLOCKS) {
        const size_t end = k - p0 < DOT_BLOCKS ? k : p0 + DOT_BLOCKS;
        vf lanes[Most * R];
        for (size_t i = 0; i < m * R; i++) lanes[i] = vzero();
        for (size_t p = p0; p < end; p += DOT_BLOCK) {
            const size_t n = end - p < DOT_BLOCK ? end - p : DOT_BLOCK;
            for (size_t i = 0; i < m; i += M)
                dot_few<M, R>(m - i < M ? m - i : M, a + i * k + p, k, b + p, apart * k, n, lanes + i * R);
        }
        for (size_t i = 0; i < m * R; i++) total[i] += static_cast<double>(vsum(lanes[i]));
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < R; j++) c[i * ldc + j * apart] = static_cast<float>(total[i * R + j]);
}

/// C[m][n] = A[m][k] B[n][k]^T for m <= 8: four streams of rows of B.
template <class E, class W> void dot_rows(const E* a, const W* b, float* c, size_t ldc, size_t m, size_t n, size_t k) {
    const size_t part = n / 4;
    for (size_t j = 0; j < part; j++) {
        if (m == 1) dot_group<1, 4>(a, b + j * k, part, m, k, c + j, ldc);
        else        dot_group<8, 4>(a, b + j * k, part, m, k, c + j, ldc);
    }
    for (size_t j = 4 * part; j < n; j++) dot_group<8, 1>(a, b + j * k, 1, m, k, c + j, ldc);
}

/// gemv: y[m] = A[m][n] x[n].
template <class E> void gemv(const E* a, const E* x, E* y, size_t m, size_t n) {
    GLLM_KERNELS_ASSERT(m == 0 || (y && (n == 0 || (a && x))));
    for (size_t i = 0; i < m; i += DOT_OUTPUTS) {
        const size_t rows = m - i < DOT_OUTPUTS ? m - i : DOT_OUTPUTS;
        float        t[DOT_OUTPUTS];
        dot_rows(x, a + i * n, t, DOT_OUTPUTS, 1, rows, n);
        convert(t, y + i, rows);
    }
}

// ============================================================================
// [11] CODECS: how each format is decoded
// ============================================================================
//
// A codec turns a block into scales, once, and signed codes, 32 at a time: weight i is scale[i / group] code(i),
// plus offset[i / group] where the format has one, or scale[code(i)] where it has levels. Scales that are a float
// times small integers are given as these, by steps(); one that is the f16 at the block's start, before that of the
// offset, is not given. Scales and products are exact in f32 (Q8_K and the levels of SQUEEZE apart), so that every
// weight is rounded once at most, and to the same bits everywhere. No byte outside the block is read.

struct Scales { float scale[16], offset[16]; };
struct ByteScales { vb scale; float d; vb offset; float m; };   // scale[i] = d times byte i; offset[i] = m times byte i
struct left_out {};                // the codec of a format that a GLLM_KERNELS_NO_ macro leaves out
enum class ScaleForm { floats, bytes, half };

/// Codes are unsigned, 0 .. Top, in a format with offsets, else Top is 0.
template <class Block, size_t Group, int Top = 0, bool Levels = false> struct codec_of {
    using block = Block;
    static constexpr size_t group = Group;
    static constexpr int    top   = Top, largest = 64;             // |code| is at most that
    static constexpr bool has_offset = Top != 0, has_levels = Levels;
    static constexpr bool ragged = false;          // rows may end inside a block
    static constexpr bool wide_scales = false;     // beyond those of f16
    static constexpr ScaleForm scale_form = ScaleForm::floats;
    static constexpr const void* codebook = nullptr;                            // rows of a grid
};

// ---- helpers ----------------------------------------------------------------

/// out[i] = d * byte i of x's half h, i < n; n is 8 or 16. May write all 16.
GK_INL void scale_bytes(float* out, vb x, int h, int n, float d) {
#if GK_PASS == GK_AVX512            // two stores of 256 bits: scalar loads behind one of 512 are not forwarded
    const __m128i bytes = h ? _mm256_extracti128_si256(x, 1) : _mm256_castsi256_si128(x);
    const __m256  scale = _mm256_set1_ps(d);
    _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), scale));
    const __m128i upper = _mm_srli_si128(bytes, 8);
    if (n > 8) _mm256_storeu_ps(out + 8, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(upper)), scale));
#else
    const int vectors = (n + static_cast<int>(VF) - 1) / static_cast<int>(VF), first = h * 16 / static_cast<int>(VF);
    for (int j = 0; j < vectors; j++) vstore(out + j * static_cast<int>(VF), vmul(bfloat(x, first + j), vset(d)));
#endif
}
GK_INL vb bload16(const uint8_t* p)                { return bquads(impl::load64(p), impl::load64(p + 8), 0, 0); }
GK_INL vb bfield(vb x, size_t shift, int mask)     { return band(bshr(x, static_cast<int>(shift)), bset(mask)); }
GK_INL vb bneg(vb x, vb minus)                     { return bsub(bxor(x, minus), minus); }      // minus is 0 or 255
GK_INL vb bsigns(vb mask)                          { return bor(bxor(mask, bset(255)), bset(1)); }  // 255 -> 1, 0 -> -1

/// Eight fields of 4 or 2 bits, low first, as eight bytes.
GK_INL uint64_t spread4(uint32_t v) {
    uint64_t x = v;
    x = (x | x << 16) & 0x0000ffff0000ffffu;
    x = (x | x << 8)  & 0x00ff00ff00ff00ffu;
    return (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
}
GK_INL uint64_t spread2(uint32_t v) {
    uint64_t x = v;
    x = (x | x << 24) & 0x000000ff000000ffu;
    x = (x | x << 12) & 0x000f000f000f000fu;
    return (x | x << 6) & 0x0303030303030303u;
}

template <class Block, size_t Group, int Top = 0> struct f16_codec_of : codec_of<Block, Group, Top> {
    static constexpr ScaleForm scale_form = ScaleForm::half;
};
template <class Block, size_t Group, int Top = 0> struct byte_codec_of : codec_of<Block, Group, Top> {
    static constexpr ScaleForm scale_form = ScaleForm::bytes;
};
template <class C> GK_INL void scales_of(const typename C::block& b, Scales& s) {
    constexpr int n = static_cast<int>(C::block::weights / C::group);
    if constexpr (C::scale_form == ScaleForm::half) {
        const uint8_t* const p = reinterpret_cast<const uint8_t*>(&b);
        s.scale[0] = half(p);
        if (C::has_offset) s.offset[0] = half(p + 2);
    } else if constexpr (C::scale_form == ScaleForm::bytes) {
        const ByteScales x = C::steps(b);
        scale_bytes(s.scale, x.scale, 0, n, x.d);
        if (C::has_offset) scale_bytes(s.offset, x.offset, 0, n, x.m);
    } else {
        C::scales(b, s);
    }
}

// ---- one scale, 32 weights or more ------------------------------------------

struct codec_q4_0 : f16_codec_of<impl::block_q4_0, 32> {
    GK_INL vb   codes(const block& b, size_t)      { return bsub(bnibbles(b.qs), bset(8)); }
};
struct codec_q4_1 : f16_codec_of<impl::block_q4_1, 32, 15> {
    GK_INL vb   codes(const block& b, size_t)      { return bnibbles(b.qs); }
};
struct codec_q5_0 : f16_codec_of<impl::block_q5_0, 32> {
    GK_INL vb   codes(const block& b, size_t) {    // q + 16 h - 16
        return bsub(bor(bnibbles(b.qs), band(bbits(impl::load32(b.h)), bset(16))), bset(16));
    }
};
struct codec_q5_1 : f16_codec_of<impl::block_q5_1, 32, 31> {
    GK_INL vb codes(const block& b, size_t) {
        return bor(bnibbles(b.qs), band(bbits(impl::load32(b.h)), bset(16)));
    }
};
struct codec_q8_0 : f16_codec_of<impl::block_q8_0, 32> {
    static constexpr int largest = 128;
    GK_INL vb   codes(const block& b, size_t)      { return bload(b.qs); }
};
struct codec_q1_0 : f16_codec_of<impl::block_q1_0, 128> {
    GK_INL vb   codes(const block& b, size_t g)    { return bsigns(bbits(impl::load32(b.qs + 4 * g))); }
};
struct codec_q2_0 : f16_codec_of<impl::block_q2_0, 64> {
    GK_INL vb   codes(const block& b, size_t g)    { return bsub(bseq2(b.qs + 8 * g), bset(1)); }
};
struct codec_tq2_0 : codec_of<impl::block_tq2_0, 256> {
    GK_INL void scales(const block& b, Scales& s)  { s.scale[0] = half(b.d); }
    GK_INL vb codes(const block& b, size_t g) {
        return bsub(bfield(bload(b.qs + g / 4 * 32), g % 4 * 2, 3), bset(1));
    }
};

/// Tripling a byte mod 256 moves its next digit to the front; the front digit is how many thirds of 256 it reaches.
struct codec_tq1_0 : codec_of<impl::block_tq1_0, 256> {
    GK_INL void scales(const block& b, Scales& s)  { s.scale[0] = half(b.d); }
    GK_INL vb   triple(vb x, vb where)             { return badd(x, band(badd(x, x), where)); }
    GK_INL vb   codes(const block& b, size_t g) {
        const uint64_t all = ~uint64_t{0}, hi = all << 32;
        const vb every = bset(255);
        vb x;
        if (g < 5) {                               // digit g of qs
            x = bload(b.qs);
            for (size_t n = 0; n < g; n++) x = triple(x, every);
        } else if (g < 7) {                        // digits 2g - 10 and 2g - 9 of qm
            const uint64_t m0 = impl::load64(b.qm), m1 = impl::load64(b.qm + 8);
            x = triple(bquads(m0, m1, m0, m1), bquads(0, 0, all, all));
            if (g == 6) x = triple(triple(x, every), every);
        } else {                                   // digit 4 of qm, digits 0, 1, 2, 3 of ql
            const uint64_t l = impl::load32(b.ql) * 0x100000001u;
            x = bquads(impl::load64(b.qm), impl::load64(b.qm + 8), l, l);
            x = triple(x, bquads(all, all, hi, all));
            x = triple(x, bquads(all, all, 0, all));
            x = triple(x, bquads(all, all, 0, hi));
            x = triple(x, bquads(all, all, 0, 0));
        }
        return bsub(bsub(bset(-1), bge(x, bset(86))), bge(x, bset(171)));
    }
};

// ---- 4-bit floats -----------------------------------------------------------

struct codec_mxfp4 : codec_of<impl::block_mxfp4, 32> {
    static constexpr bool wide_scales = true;
    GK_INL void scales(const block& b, Scales& s) {
        const uint32_t e = b.e[0];
        s.scale[0] = impl::f32_from_bits(e < 2 ? 0x00200000u << e : (e - 1) << 23);
    }
    GK_INL vb   codes(const block& b, size_t)      { return blut(bnibbles(b.qs), impl::e2m1_levels); }
};
struct codec_nvfp4 : codec_of<impl::block_nvfp4, 16> {
    GK_INL void scales(const block& b, Scales& s) {
        for (int j = 0; j < 4; j++) {
            s.scale[j] = impl::ue4m3.halves[b.e[j]];
        }
    }
    GK_INL vb   codes(const block& b, size_t g) {
        const uint64_t x = impl::load64(b.qs + 16 * g), y = impl::load64(b.qs + 16 * g + 8), low = 0x0f0f0f0f0f0f0f0fu;
        return blut(bquads(x & low, x >> 4 & low, y & low, y >> 4 & low), impl::e2m1_levels);
    }
};

// ---- K-quants ---------------------------------------------------------------
#if GK_HAS_KQUANT

/// The twelve bytes of Q4_K and Q5_K: eight 6-bit scales sc and mins mn, for d sc and -dmin mn.
GK_INL ByteScales steps_6bit(const uint8_t* sm, float d, float dmin) {
    const uint32_t a = impl::load32(sm), b = impl::load32(sm + 4), c = impl::load32(sm + 8);
    const uint32_t low6 = 0x3f3f3f3fu, low4 = 0x0f0f0f0fu;
    const uint32_t sc_hi = (c & low4) | (a >> 2 & 0x30303030u), mn_hi = (c >> 4 & low4) | (b >> 2 & 0x30303030u);
    const uint64_t sc = (a & low6) | static_cast<uint64_t>(sc_hi) << 32;
    const uint64_t mn = (b & low6) | static_cast<uint64_t>(mn_hi) << 32;
    return {bquads(sc, 0, 0, 0), d, bquads(mn, 0, 0, 0), -dmin};
}

struct codec_q2_k : byte_codec_of<impl::block_q2_k, 16, 3> {
    GK_INL ByteScales steps(const block& b) {
        const vb x = bload16(b.sm);
        return {band(x, bset(15)), half(b.d), bshr(x, 4), -half(b.dmin)};
    }
    GK_INL vb   codes(const block& b, size_t g)    { return bfield(bload(b.qs + g / 4 * 32), g % 4 * 2, 3); }
};
struct codec_q3_k : byte_codec_of<impl::block_q3_k, 16> {
    GK_INL ByteScales steps(const block& b) {
        const uint64_t low4 = 0x0f0f0f0f0f0f0f0fu, low2 = 0x0303030303030303u;
        const uint64_t l = impl::load64(b.sc), h = impl::load32(b.sc + 8);
        const uint64_t hh = h | h << 30;           // byte j of low2 & hh, hh >> 4: the high bits of scales j, 8 + j
        const vb x = bquads((l & low4) | (hh & low2) << 4, (l >> 4 & low4) | (hh >> 4 & low2) << 4, 0, 0);
        return {bsub(x, bset(32)), half(b.d), x, 0};
    }
    GK_INL vb   codes(const block& b, size_t g) {  // q + 4 h - 4
        return bsub(bor(bfield(bload(b.qs + g / 4 * 32), g % 4 * 2, 3), bshl(bfield(bload(b.hs), g, 1), 2)), bset(4));
    }
};
struct codec_q4_k : byte_codec_of<impl::block_q4_k, 32, 15> {
    GK_INL ByteScales steps(const block& b)        { return steps_6bit(b.sm, half(b.d), half(b.dmin)); }
    GK_INL vb   codes(const block& b, size_t g)    { return bfield(bload(b.qs + g / 2 * 32), g % 2 * 4, 15); }
};
struct codec_q5_k : byte_codec_of<impl::block_q5_k, 32, 31> {
    GK_INL ByteScales steps(const block& b)        { return steps_6bit(b.sm, half(b.d), half(b.dmin)); }
    GK_INL vb   codes(const block& b, size_t g) {
        return bor(bfield(bload(b.qs + g / 2 * 32), g % 2 * 4, 15), bshl(bfield(bload(b.hs), g, 1), 4));
    }
};
struct codec_q6_k : byte_codec_of<impl::block_q6_k, 16> {
    GK_INL ByteScales steps(const block& b)        { const vb x = bload16(b.sc); return {x, half(b.d), x, 0}; }
    GK_INL vb   codes(const block& b, size_t g) {  // q + 16 h - 32
        const vb q = bfield(bload(b.qs + (g / 4 * 2 + g % 2) * 32), g % 4 / 2 * 4, 15);
        return bsub(bor(q, bshl(bfield(bload(b.hs + g / 4 * 32), g % 4 * 2, 3), 4)), bset(32));
    }
};
struct codec_q8_k : codec_of<impl::block_q8_k, 256> {
    static constexpr int largest = 128;
    static constexpr bool wide_scales = true;
    GK_INL void scales(const block& b, Scales& s)  { s.scale[0] = impl::load_as<float>(b.d); }
    GK_INL vb   codes(const block& b, size_t g)    { return bload(b.qs + 32 * g); }
};

#endif
// ---- IQ formats -------------------------------------------------------------
#if GK_HAS_IQ

/// Four 7-bit sign codes, one a byte, with bit 7 added to make every byte's count of ones even.
GK_INL uint32_t even_signs(uint32_t code) {
    uint32_t parity = code ^ code >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return code | (parity & 0x01010101u) << 7;
}
/// The same from the low 28 bits of a word.
GK_INL uint32_t even_signs28(uint32_t w) {
    return even_signs((w & 0x7f) | (w << 1 & 0x7f00) | (w << 2 & 0x7f0000) | (w << 3 & 0x7f000000));
}
/// Sixteen scales d (2n + 1) of eight bytes of nibbles n.
GK_INL ByteScales steps_odd16(const uint8_t* sc, float d) {
    const vb x = bquads(spread4(impl::load32(sc)), spread4(impl::load32(sc + 4)), 0, 0);
    return {badd(badd(x, x), bset(1)), d, x, 0};
}
/// Rows i, j of a grid of rows of four.
template <class Grid> GK_INL uint64_t two_rows(const Grid& grid, size_t i, size_t j) {
    return grid[i] | static_cast<uint64_t>(grid[j]) << 32;
}

struct codec_iq1_s : codec_of<impl::block_iq1_s, 32> {
    static constexpr const void* codebook = impl::iq1_grid.row;
    GK_INL void scales(const block& b, Scales& s) {
        const float d = half(b.d) * 0.125f;
        for (int g = 0; g < 8; g++) s.scale[g] = d * static_cast<float>((impl::load16(b.qh + 2 * g) >> 11 & 14) + 1);
    }
    GK_INL vb   codes(const block& b, size_t g) {  // 8 grid +- 1
        const uint8_t* q = b.qs + 4 * g;
        const uint32_t h = impl::load16(b.qh + 2 * g);
        const auto& grid = impl::iq1_grid;
        const vb rows = bquads(grid[q[0] | (h << 8 & 0x700)], grid[q[1] | (h << 5 & 0x700)],
                               grid[q[2] | (h << 2 & 0x700)], grid[q[3] | (h >> 1 & 0x700)]);
        return badd(rows, bset(h >> 15 ? -1 : 1));
    }
};
struct codec_iq1_m : codec_of<impl::block_iq1_m, 16> {
    static constexpr const void* codebook = impl::iq1_grid.row;
    GK_INL void scales(const block& b, Scales& s) {
        const uint16_t pattern = impl::iq1_m_scale(b);
        const float    d       = half(&pattern) * 0.125f;
        for (int n = 0; n < 4; n++) {
            const uint32_t y = static_cast<uint32_t>(impl::load16(b.sc + 2 * n)) << 1;
            for (int j = 0; j < 4; j++) {
                const int odd = static_cast<int>(y >> (3 * j) & 14) + 1;
                s.scale[4 * n + j] = d * static_cast<float>(odd);
            }
        }
    }
    GK_INL uint64_t shift(uint32_t sign) {
        return 0x0101010101010101u | (0 - static_cast<uint64_t>(sign & 1));
    }
    GK_INL vb   codes(const block& b, size_t g) {
        const uint8_t* q = b.qs + 4 * g;
        const uint32_t h = impl::load16(b.qh + 2 * g);
        const auto& grid = impl::iq1_grid;
        const vb rows = bquads(grid[q[0] | (h << 8 & 0x700)], grid[q[1] | (h << 4 & 0x700)],
                               grid[q[2] | (h & 0x700)], grid[q[3] | (h >> 4 & 0x700)]);
        return badd(rows, bquads(shift(h >> 3), shift(h >> 7), shift(h >> 11), shift(h >> 15)));
    }
};
struct codec_iq2_xxs : codec_of<impl::block_iq2_xxs, 32> {
    static constexpr const void* codebook = impl::iq2_xxs_grid.row;
    GK_INL void scales(const block& b, Scales& s) {
        const float d = half(b.d) * 0.125f;
        for (int g = 0; g < 8; g++) s.scale[g] = d * static_cast<float>((b.qs[8 * g + 7] >> 3 & 30) + 1);
    }
    GK_INL vb   codes(const block& b, size_t g) {
        const uint8_t* q = b.qs + 8 * g;
        const auto& grid = impl::iq2_xxs_grid;
        return bneg(bquads(grid[q[0]], grid[q[1]], grid[q[2]], grid[q[3]]), bbits(even_signs28(impl::load32(q + 4))));
    }
};
struct codec_iq2_xs : byte_codec_of<impl::block_iq2_xs, 16> {
    static constexpr const void* codebook = impl::iq2_xs_grid.row;
    GK_INL ByteScales steps(const block& b)        { return steps_odd16(b.sc, half(b.d) * 0.125f); }
    GK_INL vb   codes(const block& b, size_t g) {
        const uint64_t x = impl::load64(b.qs + 8 * g);
        const auto& grid = impl::iq2_xs_grid;
        const vb rows = bquads(grid[x & 511], grid[x >> 16 & 511], grid[x >> 32 & 511], grid[x >> 48 & 511]);
        const uint64_t signs = (x >> 9 & 0x7f) | (x >> 17 & 0x7f00) | (x >> 25 & 0x7f0000) | (x >> 33 & 0x7f000000);
        return bneg(rows, bbits(even_signs(static_cast<uint32_t>(signs))));
    }
};
struct codec_iq2_s : byte_codec_of<impl::block_iq2_s, 16> {
    static constexpr const void* codebook = impl::iq2_s_grid.row;
    GK_INL ByteScales steps(const block& b)        { return steps_odd16(b.sc, half(b.d) * 0.125f); }
    GK_INL vb   codes(const block& b, size_t g) {
        const uint8_t* q = b.qs + 4 * g;
        const uint32_t h = b.qh[g];
        const auto& grid = impl::iq2_s_grid;
        const vb rows = bquads(grid[q[0] | (h << 8 & 0x300)], grid[q[1] | (h << 6 & 0x300)],
                               grid[q[2] | (h << 4 & 0x300)], grid[q[3] | (h << 2 & 0x300)]);
        return bneg(rows, bbits(impl::load32(b.signs + 4 * g)));
    }
};
struct codec_iq3_xxs : codec_of<impl::block_iq3_xxs, 32> {
    static constexpr const void* codebook = impl::iq3_xxs_grid.row;
    GK_INL void scales(const block& b, Scales& s) {
        const float d = half(b.d) * 0.25f;
        for (int g = 0; g < 8; g++) s.scale[g] = d * static_cast<float>((b.ss[4 * g + 3] >> 3 & 30) + 1);
    }
    GK_INL vb   codes(const block& b, size_t g) {
        const uint8_t* q = b.qs + 8 * g;
        const auto& grid = impl::iq3_xxs_grid;
        const vb rows = bquads(two_rows(grid, q[0], q[1]), two_rows(grid, q[2], q[3]),
                               two_rows(grid, q[4], q[5]), two_rows(grid, q[6], q[7]));
        return bneg(rows, bbits(even_signs28(impl::load32(b.ss + 4 * g))));
    }
};
struct codec_iq3_s : byte_codec_of<impl::block_iq3_s, 32> {
    static constexpr const void* codebook = impl::iq3_s_grid.row;
    GK_INL ByteScales steps(const block& b) {
        const vb x = bquads(spread4(impl::load32(b.sc)), 0, 0, 0);
        return {badd(badd(x, x), bset(1)), half(b.d), x, 0};
    }
    GK_INL uint64_t pair(const uint8_t* q, uint32_t h) {
        return two_rows(impl::iq3_s_grid, q[0] | (h << 8 & 256), q[1] | (h << 7 & 256));
    }
    GK_INL vb   codes(const block& b, size_t g) {
        const uint8_t* q = b.qs + 8 * g;
        const uint32_t h = b.qh[g];
        const vb rows = bquads(pair(q, h), pair(q + 2, h >> 2), pair(q + 4, h >> 4), pair(q + 6, h >> 6));
        return bneg(rows, bbits(impl::load32(b.signs + 4 * g)));
    }
};
struct codec_iq4_nl : f16_codec_of<impl::block_iq4_nl, 32> {
    static constexpr int largest = 128;
    GK_INL vb   codes(const block& b, size_t)      { return blut(bnibbles(b.qs), impl::iq4_levels); }
};
struct codec_iq4_xs : byte_codec_of<impl::block_iq4_xs, 32> {
    static constexpr int largest = 128;
    GK_INL ByteScales steps(const block& b) {
        const vb x = bquads(spread4(impl::load32(b.sl)) | spread2(impl::load16(b.sh)) << 4, 0, 0, 0);
        return {bsub(x, bset(32)), half(b.d), x, 0};
    }
    GK_INL vb   codes(const block& b, size_t g)    { return blut(bnibbles(b.qs + 16 * g), impl::iq4_levels); }
};

#endif
// ---- checkpoints ------------------------------------------------------------
#if GK_HAS_CHECKPOINTS

struct codec_awq4 : codec_of<impl::block_awq4, 128, 15> {
    GK_INL void scales(const block& b, Scales& s)  { s.scale[0] = half(b.s); s.offset[0] = -(half(b.s) * half(b.z)); }
    GK_INL vb   codes(const block& b, size_t g)    { return bfield(bload(b.qs + g % 2 * 32), g / 2 * 4, 15); }
};
struct codec_gptq4 : codec_awq4 { using block = impl::block_gptq4; };

struct codec_squeeze : codec_of<impl::block_squeeze, 256, 0, true> {
    GK_INL void scales(const block& b, Scales& s) {
        const float d = half(b.d);
        for (int i = 0; i < 8; i++) s.scale[i] = d * impl::load_as<float>(b.levels + 4 * i);
    }
    GK_INL vb   codes(const block& b, size_t g)    { return bseq3(b.qs + 12 * g); }
};

#endif
// ---- what a build leaves out --------------------------------------------------

#define GK_LEFT_OUT_0(name)    using codec_##name = left_out;
#define GK_LEFT_OUT_1(name)
#define GK_LEFT_OUT(has, name) GK_LEFT_OUT_##has(name)
#define GK_EITHER(has, name)   GK_LEFT_OUT(has, name)
#define GK_FORMAT(NAME, name, bits, family) GK_EITHER(GK_HAS_##family, name)
GK_FORMATS(GK_FORMAT)
#undef GK_FORMAT
#undef GK_EITHER
#undef GK_LEFT_OUT
#undef GK_LEFT_OUT_1
#undef GK_LEFT_OUT_0
// ---- plain codes: no scale in the row; a block is 32 weights of it ----------

struct block_plain8 { static constexpr size_t weights = 32; uint8_t q[32]; };     // int8
struct block_plain4 { static constexpr size_t weights = 32; uint8_t q[16]; };     // code - 8, in sequence
struct block_plain2 { static constexpr size_t weights = 32; uint8_t q[8]; };      // code - 2
struct block_plain1 { static constexpr size_t weights = 32; uint8_t q[4]; };      // 2 code - 1

template <class Block> struct codec_plain : codec_of<Block, 32> {
    static constexpr bool ragged = true;
    GK_INL void scales(const Block&, Scales& s)    { s.scale[0] = 1; }
};
struct codec_plain8 : codec_plain<block_plain8> {
    GK_INL vb   codes(const block& b, size_t)      { return bload(b.q); }
};
struct codec_plain4 : codec_plain<block_plain4> {
    GK_INL vb   codes(const block& b, size_t)      { return bsub(bseq4(b.q), bset(8)); }
};
struct codec_plain2 : codec_plain<block_plain2> {
    GK_INL vb   codes(const block& b, size_t)      { return bsub(bseq2(b.q), bset(2)); }
};
struct codec_plain1 : codec_plain<block_plain1> {
    GK_INL vb   codes(const block& b, size_t)      { return bsigns(bbits(impl::load32(b.q))); }
};

// ---- weights ----------------------------------------------------------------

/// The weights 32g + j VF .. of a block, from its scales and their codes.
template <class C> GK_INL vf weights_at(const Scales& s, vb codes, size_t g, size_t j) {
    if constexpr (C::has_levels) {
        return vlut8(s.scale, bidx(codes, static_cast<int>(j)));
    } else {
        const size_t i = (32 * g + j * VF) / C::group;
        const vf     q = bfloat(codes, static_cast<int>(j));
        if constexpr (C::has_offset) return vfma(q, vset(s.scale[i]), vset(s.offset[i]));
        else                         return vmul(q, vset(s.scale[i]));
    }
}

#if GK_HAS_CHECKPOINTS
// ---- checkpoint tensors: weights in columns, eight 4-bit codes a word ---------
//
//   AWQ   word [i][o/8]: outputs 8 .. 8+7 of input i, at nibbles 0 4 1 5 2 6 3 7.   Zeros the same.
//   GPTQ  word [i/8][o]: inputs 8 .. 8+7 of output o, in order.                     Zeros [g][o/8]: outputs in order.
//   Both  scales f16 [g][o];  w = (q - z) s

constexpr int32_t awq_shifts[8]   = {0, 16, 4, 20, 8, 24, 12, 28};
constexpr int32_t plain_shifts[8] = {0, 4, 8, 12, 16, 20, 24, 28};

GK_INL vf checkpoint_scales(const impl::Checkpoint& t, size_t g, size_t o, size_t l) {
    f16 s[VF] = {};
    memcpy(s, t.scales + 2 * (g * t.n + o), 2 * l);
    return vload(s);
}

struct awq_tensor {
    GK_INL vf codes(const uint8_t* words, size_t row, size_t n, size_t o, size_t l) {
        return vnibbles(words + 4 * (row * (n / 8) + o / 8), awq_shifts + o % 8, l);
    }
    /// out[i][ldo] = the weights of inputs p .. p+kc-1 for outputs j .. j+cols-1, zeros up to a multiple of VF.
    static void columns(const impl::Checkpoint& t, float* out, size_t ldo, size_t p, size_t kc, size_t j, size_t cols) {
        for (size_t v = 0; v < cols; v += VF) {
            const size_t l = cols - v < VF ? cols - v : VF, o = j + v;
            vf zero = vzero(), scale = vzero();
            for (size_t i = p; i < p + kc; i++) {
                if (i == p || i % t.group == 0) {
                    zero  = codes(t.qzeros, i / t.group, t.n, o, l);
                    scale = checkpoint_scales(t, i / t.group, o, l);
                }
                vstore(out + (i - p) * ldo + v, vmul(vsub(codes(t.qweight, i, t.n, o, l), zero), scale));
            }
        }
    }
};

struct gptq_tensor {
    GK_INL vf zeros(const impl::Checkpoint& t, size_t g, size_t o, size_t l) {
        if (t.zeros == GptqZeros::symmetric) return vset(8.0f);
        const vf z = vnibbles(t.qzeros + 4 * (g * (t.n / 8) + o / 8), plain_shifts + o % 8, l);
        return t.zeros == GptqZeros::v1 ? vadd(z, vset(1.0f)) : z;
    }
    static void columns(const impl::Checkpoint& t, float* out, size_t ldo, size_t p, size_t kc, size_t j, size_t cols) {
        for (size_t v = 0; v < cols; v += VF) {
            const size_t l = cols - v < VF ? cols - v : VF, o = j + v;
            vf     zero = vzero(), scale = vzero();
            size_t group = SIZE_MAX;
            for (size_t i = p; i < p + kc; i++) {
                const size_t g = t.g_idx ? static_cast<size_t>(t.g_idx[i]) : i / t.group;
                if (g != group) {
                    group = g;
                    zero  = zeros(t, g, o, l);
                    scale = checkpoint_scales(t, g, o, l);
                }
                uint32_t words[VF] = {};
                memcpy(words, t.qweight + 4 * (i / 8 * t.n + o), 4 * l);
                const vi q = viand(vishr(viload(words), static_cast<int>(i % 8 * 4)), viset(15));
                vstore(out + (i - p) * ldo + v, vmul(vsub(vfloat(q), zero), scale));
            }
        }
    }
};
#endif

// ============================================================================
// [12] ROWS OF WEIGHTS: decoded to floats, or to integers
// ============================================================================

/// n weights. Whole blocks; the plain codecs, whose rows may end anywhere, decode their last few through a copy.
template <class C> void dequant(const void* blocks, float* out, size_t n) {
    using block = typename C::block;
    const uint8_t* p = static_cast<const uint8_t*>(blocks);
    for (; n >= block::weights; n -= block::weights, p += sizeof(block), out += block::weights) {
        const block& b = *reinterpret_cast<const block*>(p);
        Scales s;
        scales_of<C>(b, s);
        for (size_t g = 0; g < block::weights / 32; g++) {
            const vb codes = C::codes(b, g);
            GK_UNROLL(8) for (size_t j = 0; j < 32 / VF; j++)
                vstore(out + 32 * g + j * VF, weights_at<C>(s, codes, g, j));
        }
    }
    if constexpr (C::ragged) if (n) {
        block last = {};
        float whole[block::weights];
        memcpy(&last, p, (n * sizeof(block) + block::weights - 1) / block::weights);
        dequant<C>(&last, whole, block::weights);
        memcpy(out, whole, n * sizeof(float));
    }
}

#if GK_PASS != GK_SCALAR
/// The scales, or offsets, of 256 weights, one each for 16.
struct Scales16 { vf scale[16 / VF], offset[16 / VF]; };

GK_INL void vscaled(vb bytes, float d, vf (&out)[16 / VF]) {
    for (int j = 0; j < static_cast<int>(16 / VF); j++) out[j] = vmul(bfloat(bytes, j), vset(d));
}
template <class C> GK_INL void scales_of_16(const typename C::block* b, size_t blocks, Scales16& s) {
    using block = typename C::block;
    constexpr size_t each = C::group / 16;
    if constexpr (C::scale_form == ScaleForm::bytes) {
        const ByteScales x = C::steps(*b);
        vscaled(each == 2 ? btwice(x.scale) : x.scale, x.d, s.scale);
        if constexpr (C::has_offset) vscaled(each == 2 ? btwice(x.offset) : x.offset, x.m, s.offset);
    } else if constexpr (C::scale_form == ScaleForm::half && block::weights == 32) {
        const uint8_t* const p = reinterpret_cast<const uint8_t*>(b);
        vhalves<sizeof(block)>(p, s.scale);
        if constexpr (C::has_offset) vhalves<sizeof(block)>(p + 2, s.offset);
    } else {
        static_assert(each == 8, "two blocks, one scale and offset each");
        Scales one = {}, two = {};
        scales_of<C>(b[0], one);
        if (blocks > 1) scales_of<C>(b[1], two);
        for (size_t j = 0; j < 16 / VF; j++) {
            const Scales &lo = j * VF < 8 ? one : two, &hi = (j + 1) * VF <= 8 ? one : two;
            s.scale[j]  = vset2(lo.scale[0], hi.scale[0]);
            s.offset[j] = vset2(lo.offset[0], hi.offset[0]);
        }
    }
}
/// The same one by one, to memory: loads of vectors would wait for such stores. True, and zeros, if codes do not
/// serve such scales: times those of prepared inputs subnormal, or a sum of theirs infinite.
template <class C> GK_INL bool put_scales_of_16(const typename C::block* b, size_t blocks, float* scale) {
    constexpr size_t each = C::group / 16, entries = C::block::weights / C::group;
    bool wide = false;
    for (size_t i = 0; i < 256 / C::block::weights; i++) {
        Scales one = {};
        if (i < blocks) scales_of<C>(b[i], one);
        for (size_t j = 0; j < entries; j++) {
            const float s = one.scale[j], a = s < 0 ? -s : s;
            if (C::wide_scales) wide |= a != 0 && !(a >= 0x1p-40f && a <= 0x1p60f);
            for (size_t l = 0; l < each; l++) scale[(i * entries + j) * each + l] = s;
        }
    }
    if (wide) memset(scale, 0, 16 * sizeof(float));
    return wide;
}
/// The whole steps of the offsets, for the codes, and what is left of them: w = scale (code - steps) + rest. Where
/// an offset makes weights zero, or nearly, their products must vanish with them: not as a difference of two sums
/// that were rounded apart.
template <class C> GK_INL vb take_steps(const Scales16& s, float* rest) {
    vi steps[16 / VF];
    for (size_t j = 0; j < 16 / VF; j++) {
        const vf scale = s.scale[j], offset = s.offset[j], top = vset(static_cast<float>(C::top));
        const vf z = vround(vmin(top, vmax(vdiv(vneg(offset), scale), vzero())));      // NaN is 0
        steps[j] = vint(z);
        vstore(rest + j * VF, vadd(vmul(z, scale), offset));                           // the product is exact
    }
    return bpack16(steps);
}

#if GK_PASS == GK_AVX512            // 64 codes at a time: two groups of 32 are the halves of a vector
GK_INL __m512i wide_both(const uint8_t* p)         { return _mm512_broadcast_i32x8(bload(p)); }
GK_INL __m512i wide_load(const uint8_t* p)         { return _mm512_loadu_si512(p); }
/// Fields of so many bits at `lo` in the lower half, at `hi` in the upper.
GK_INL __m512i wide_field(__m512i x, size_t lo, size_t hi, int mask) {
    const __m512i low   = _mm512_set1_epi16(static_cast<short>(lo));
    const __m512i count = _mm512_inserti64x4(low, _mm256_set1_epi16(static_cast<short>(hi)), 1);
    return _mm512_and_si512(lo | hi ? _mm512_srlv_epi16(x, count) : x, _mm512_set1_epi8(static_cast<char>(mask)));
}
GK_INL __m512i wide_minus(__m512i x, int n) {
    return _mm512_sub_epi8(x, _mm512_set1_epi8(static_cast<char>(n)));
}
GK_INL __m512i wide_spread(vb a, size_t h) {       // byte 4h + i in quarter i
    const __m512i index = _mm512_set_epi32(0x03030303, 0x03030303, 0x03030303, 0x03030303,
                                           0x02020202, 0x02020202, 0x02020202, 0x02020202,
                                           0x01010101, 0x01010101, 0x01010101, 0x01010101, 0, 0, 0, 0);
    const __m512i bytes = _mm512_add_epi8(index, _mm512_set1_epi8(static_cast<char>(4 * h)));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x8(a), bytes);
}
template <class C> GK_INL __m512i wide_codes(C, const typename C::block* b, size_t h) {
    constexpr size_t N = C::block::weights;
    const vb lo = C::codes(b[64 * h / N], 64 * h % N / 32), hi = C::codes(b[(64 * h + 32) / N], (64 * h + 32) % N / 32);
    return _mm512_inserti64x4(_mm512_castsi256_si512(lo), hi, 1);
}
#if GK_HAS_KQUANT
GK_INL __m512i wide_codes(codec_q2_k, const impl::block_q2_k* b, size_t h) {
    return wide_field(wide_both(b->qs + h / 2 * 32), h % 2 * 4, h % 2 * 4 + 2, 3);
}
GK_INL __m512i wide_codes(codec_q3_k, const impl::block_q3_k* b, size_t h) {
    const __m512i high = wide_field(wide_both(b->hs), 2 * h, 2 * h + 1, 1);
    const __m512i low  = wide_field(wide_both(b->qs + h / 2 * 32), h % 2 * 4, h % 2 * 4 + 2, 3);
    return wide_minus(_mm512_or_si512(low, _mm512_slli_epi16(high, 2)), 4);
}
GK_INL __m512i wide_codes(codec_q4_k, const impl::block_q4_k* b, size_t h) {
    return wide_field(wide_both(b->qs + 32 * h), 0, 4, 15);
}
GK_INL __m512i wide_codes(codec_q5_k, const impl::block_q5_k* b, size_t h) {
    const __m512i high = wide_field(wide_both(b->hs), 2 * h, 2 * h + 1, 1);
    return _mm512_or_si512(wide_field(wide_both(b->qs + 32 * h), 0, 4, 15), _mm512_slli_epi16(high, 4));
}
GK_INL __m512i wide_codes(codec_q6_k, const impl::block_q6_k* b, size_t h) {
    const __m512i high = wide_field(wide_both(b->hs + h / 2 * 32), h % 2 * 4, h % 2 * 4 + 2, 3);
    const __m512i low  = wide_field(wide_load(b->qs + h / 2 * 64), h % 2 * 4, h % 2 * 4, 15);
    return wide_minus(_mm512_or_si512(low, _mm512_slli_epi16(high, 4)), 32);
}
GK_INL __m512i wide_codes(codec_q8_k, const impl::block_q8_k* b, size_t h) { return wide_load(b->qs + 64 * h); }
#endif
#endif

template <class C> unsigned row_codes(const uint8_t* row, size_t n, impl::CodeBlock* out) {
    using block = typename C::block;
    constexpr size_t N = block::weights, per = 256 / N, ahead = impl::CODE_RUN * 2 * per * sizeof(block);
    unsigned odd = 0;
    for (size_t i = 0; i < n; i += 256, row += per * sizeof(block), out++) {
        const block* b      = reinterpret_cast<const block*>(row);
        size_t       blocks = per;
        block        last[per];
        for (size_t at = 0; at < per * sizeof(block); at += 64)
            prefetch(reinterpret_cast<const char*>(row) + ahead + at);
        if (N < 256 && n - i < 256) {
            blocks = (n - i + N - 1) / N;
            memset(last, 0, sizeof last);
            memcpy(last, row, ((n - i) * sizeof(block) + N - 1) / N);
            b = last;
        }
        [[maybe_unused]] vb steps;
        constexpr bool in_vectors = C::scale_form == ScaleForm::bytes || C::has_offset
                || (C::scale_form == ScaleForm::half && N == 32);
        if constexpr (!in_vectors) {
            if (put_scales_of_16<C>(b, blocks, out->scale)) odd |= 1u << (i / 256);
        } else {
            Scales16 s;
            scales_of_16<C>(b, blocks, s);
            for (size_t j = 0; j < 16 / VF; j++) vstore(out->scale + j * VF, s.scale[j]);
            if constexpr (C::has_offset) steps = take_steps<C>(s, out->rest);
        }
        if (!C::has_offset)
            for (size_t j = 0; j < 16; j += VF) vstore(out->rest + j, vzero());
#if GK_PASS == GK_AVX512
        GK_UNROLL(4) for (size_t h = 0; h < 4; h++) {
            __m512i codes = wide_codes(C{}, b, h);
            if constexpr (C::has_offset) codes = _mm512_sub_epi8(codes, wide_spread(steps, h));
            _mm512_storeu_si512(out->code + 64 * h, codes);
        }
#else
        GK_UNROLL(8) for (size_t g = 0; g < 8; g++) {
            vb codes = C::codes(b[32 * g / N], 32 * g % N / 32);
            if constexpr (C::has_offset) codes = bsub(codes, bspread(steps, 2 * g, 2 * g + 1));
            memcpy(out->code + 32 * g, &codes, 32);
        }
#endif
    }
    return odd;
}
#endif

/// y = a row of weights . x, decoded in registers. Two chains of 64 steps, or of half a block, added up in double:
/// with chains, lanes and the result at most 130 roundings.
template <class C> float row_product(const uint8_t* row, const float* x, size_t k) {
    using block = typename C::block;
    constexpr size_t run = 128 * VF > block::weights ? 128 * VF / block::weights * block::weights : block::weights;
    const size_t whole = k / block::weights * block::weights;
    double total = 0;
    for (size_t p = 0; p < whole;) {
        const size_t end = whole - p > run ? p + run : whole;
        vf sum[2] = {vzero(), vzero()};
        for (; p < end; p += block::weights, row += sizeof(block)) {
            const block& b = *reinterpret_cast<const block*>(row);
            Scales s;
            scales_of<C>(b, s);
            for (size_t g = 0; g < block::weights / 32; g++) {
                const vb codes = C::codes(b, g);
                GK_UNROLL(8) for (size_t j = 0; j < 32 / VF; j++)
                    sum[j & 1] = vfma(weights_at<C>(s, codes, g, j), vload(x + p + 32 * g + j * VF), sum[j & 1]);
            }
        }
        total += static_cast<double>(vsum(vadd(sum[0], sum[1])));
    }
    if constexpr (C::ragged) if (whole < k) {
        float w[block::weights];
        dequant<C>(row, w, k - whole);
        for (size_t p = whole; p < k; p++) total += static_cast<double>(w[p - whole]) * static_cast<double>(x[p]);
    }
    return static_cast<float>(total);
}
/// Of formats without integer codes, and of plain codes, one row of which may be all that there is.
template <class C> void rows_in_registers(const impl::RowsJob& job) {
    for (size_t i = 0; i < job.m; i++)
        for (size_t r = 0; r < job.rows; r++)
            job.y[i * job.ldy + r] = row_product<C>(job.weights + r * job.stride, job.x + i * job.k, job.k);
}

/// Rows decoded to floats, DECODED of them at a time, which is a whole number of blocks: a sum of that many, then sums
/// of these in double.
void decoded_rows(const impl::RowsJob& job) {
    constexpr size_t DECODED = 1024, INPUTS = 8;
    const impl::FormatKernels& f = *job.format;
    float w[DECODED];
    for (size_t r = 0; r < job.rows; r++)
        for (size_t i = 0; i < job.m; i += INPUTS) {
            const size_t inputs = job.m - i < INPUTS ? job.m - i : INPUTS;
            double total[INPUTS] = {};
            for (size_t p = 0; p < job.k; p += DECODED) {
                const size_t n = job.k - p < DECODED ? job.k - p : DECODED;
                f.dequant(job.weights + r * job.stride + p / f.block_weights * f.block_bytes, w, n);
                for (size_t j = 0; j < inputs; j++)
                    total[j] += blocked_sum(n, product_terms<float>{w, job.x + (i + j) * job.k + p});
            }
            for (size_t j = 0; j < inputs; j++) job.y[(i + j) * job.ldy + r] = static_cast<float>(total[j]);
        }
}

// ============================================================================
// [13] DENSE PRODUCTS: packing and the loop nest
// ============================================================================
//
//   for each NC columns of C
//     for each KC of k
//       for each mc rows of C           pack the A block, [mc][KC] as panels [KC][MR]       in L2
//         for each NR columns           pack a panel of B, [KC][NR]                         in L1
//           for each MR rows            microkernel on a tile of C, [MR][NR]                in registers
//
// A panel of B is packed just before its first use, while the tiles of the panel before it prefetch its source. If
// there are further rows of C, it is kept for them in the B block, [KC][NC]. Every element of C is a sum of chains of
// CHAIN fused multiply-adds in order of k, whatever tile or thread computes it: chains are added up in f32, LONG_K of k
// at most; beyond that in double. So a term meets at most CHAIN + k / CHAIN - 1 roundings, which err by u sum |a b| at
// most each: 159 at k = 4096, 223 at LONG_K, 224 with that of the result beyond it.

constexpr size_t KC = 256, CHAIN = 128, LONG_K = 96 * CHAIN, NC = 4096 - 4096 % NR, NRV = NR / VF, BAND = 4096;

GK_INL constexpr size_t round_up(size_t x, size_t to) { return (x + to - 1) / to * to; }
GK_INL constexpr size_t least(size_t a, size_t b)    { return a < b ? a : b; }

// ---- packing ----------------------------------------------------------------

/// dst[c][ldd] = src[r][lds]^T for r < rows, c < cols. Lanes up to the next multiple of VF are written, as zeros,
/// beyond the rows; with ldd < VF they are overwritten by the next row.
template <class E> void transpose(const E* src, size_t lds, size_t rows, size_t cols, float* dst, size_t ldd) {
    for (size_t r = 0; r < rows; r += VF)
        for (size_t c = 0; c < cols; c += VF) {
            const size_t l = cols - c < VF ? cols - c : VF;
            vf t[VF];
            if (l == VF && rows - r >= VF) {
                GK_UNROLL(16) for (size_t i = 0; i < VF; i++) t[i] = vload(src + (r + i) * lds + c);
            } else for (size_t i = 0; i < VF; i++) {
                t[i] = r + i < rows ? vload_n(src + (r + i) * lds + c, l) : vzero();
            }
            vtranspose(t);
            if (l == VF) { GK_UNROLL(16) for (size_t i = 0; i < VF; i++) vstore(dst + (c + i) * ldd + r, t[i]); }
            else for (size_t i = 0; i < l; i++) vstore(dst + (c + i) * ldd + r, t[i]);
        }
}

/// Rows of the next tile when `left` remain: MR, but the last two tiles share what would leave one of them small.
GK_INL size_t tile_rows(size_t left) {
    return left == MR || left >= MR + (MR + 1) / 2 ? MR : left > MR ? (left + 1) / 2 : left;
}

/// A block: tiles of rows of A to panels [kc][MR], VF floats of slack behind the last.
template <class E> void pack_a(const E* a, size_t lda, size_t rows, size_t kc, float* panels) {
    for (size_t i = 0; i < rows; panels += MR * kc) {
        const size_t r = tile_rows(rows - i);
        transpose(a + i * lda, lda, r, kc, panels, MR);
        i += r;
    }
}

// Panels of B: kc rows of NR floats, from each of its forms.

template <class E> void panel_rows(const impl::BSource& b, float* out, size_t p, size_t kc, size_t j, size_t cols) {
    const E* row = static_cast<const E*>(b.data) + p * b.ld + j;
    for (size_t i = 0; i < kc; i++, row += b.ld, out += NR)
        for (size_t v = 0; v < NR; v += VF)
            vstore(out + v, v + VF <= cols ? vload(row + v) : v < cols ? vload_n(row + v, cols - v) : vzero());
}
GK_INL void zero_columns(float* out, size_t kc, size_t from) {
    for (size_t i = 0; i < kc; i++)
        for (size_t v = from; v < NR; v++) out[i * NR + v] = 0;
}
template <class E> void panel_transposed(const impl::BSource& b, float* out, size_t p, size_t kc, size_t j,
        size_t cols) {
    transpose(static_cast<const E*>(b.data) + j * b.ld + p, b.ld, cols, kc, out, NR);
    if (cols + VF <= NR) zero_columns(out, kc, (cols + VF - 1) / VF * VF);
}
/// Bytes of an element of B[n][k], if that is what it takes; or 0.
GK_INL size_t transposed_size(impl::Panel* panel) {
    return panel == &panel_transposed<float> ? sizeof(float)
            : panel == &panel_transposed<f16> || panel == &panel_transposed<bf16> ? 2 : 0;
}
void panel_format(const impl::BSource& b, float* out, size_t p, size_t kc, size_t j, size_t cols) {
    float rows[VF * KC];
    const uint8_t* const blocks = static_cast<const uint8_t*>(b.data) + p / b.block_weights * b.block_bytes;
    for (size_t r = 0; r < cols; r += VF) {
        const size_t count = cols - r < VF ? cols - r : VF;
        for (size_t i = 0; i < count; i++) b.dequant(blocks + (j + r + i) * b.ld, rows + i * KC, kc);
        transpose(rows, KC, count, kc, out + r, NR);
    }
    if (cols + VF <= NR) zero_columns(out, kc, (cols + VF - 1) / VF * VF);
}
#if GK_HAS_CHECKPOINTS
template <class Decode> void panel_checkpoint(const impl::BSource& b, float* out, size_t p, size_t kc, size_t j,
        size_t cols) {
    Decode::columns(*static_cast<const impl::Checkpoint*>(b.data), out, NR, p, kc, j, cols);
    if (cols + VF <= NR) zero_columns(out, kc, (cols + VF - 1) / VF * VF);
}
#endif

// ---- tiles ------------------------------------------------------------------

/// Some rows of C (=|+=) A B over k: element (r, p) of A is a[r * ars + p * aks], of B (p, j) b[p * ldb + j].
struct Tile {
    size_t       k;
    const float* a; size_t ars, aks;
    const float* b; size_t ldb;
    float*       c; size_t ldc;
    bool         accumulate;
    size_t       ahead;                // of B is prefetched, in elements
};

/// R rows and C vectors of columns from column j. With Tail the last vector has n_last lanes.
template <size_t R, size_t C, bool Tail> void tile(const Tile& t, size_t j, size_t n_last) {
    vf s[R][C];
    GK_UNROLL(16) for (size_t r = 0; r < R; r++)
        GK_UNROLL(8) for (size_t v = 0; v < C; v++) s[r][v] = vzero();
    const float* a[(R + 2) / 3];                                // every third row; the others by index
    GK_UNROLL(8) for (size_t r = 0; r < R; r += 3) a[r / 3] = t.a + r * t.ars;
    const float* b = t.b + j;
    const size_t ars = t.ars, aks = t.aks, ldb = t.ldb, ahead = t.ahead;
    for (size_t p = t.k; p != 0; p--, b += ldb) {
        vf y[C];
        GK_UNROLL(8) for (size_t v = 0; v < C; v++)
            y[v] = Tail && v == C - 1 ? vload_n(b + v * VF, n_last) : vload(b + v * VF);
        GK_UNROLL(8) for (size_t v = 0; v < C; v += 16 / VF)
            prefetch(reinterpret_cast<const char*>(b + ahead + v * VF));
        GK_UNROLL(16) for (size_t r = 0; r < R; r++) {
            const vf x = vset(a[r / 3][r % 3 * ars]);
            GK_UNROLL(8) for (size_t v = 0; v < C; v++) s[r][v] = vfma(x, y[v], s[r][v]);
        }
        GK_UNROLL(8) for (size_t r = 0; r < R; r += 3) a[r / 3] += aks;
    }
    float* const c = t.c + j;
    const size_t ldc = t.ldc;
    if (t.accumulate) {
        GK_UNROLL(16) for (size_t r = 0; r < R; r++)
            GK_UNROLL(8) for (size_t v = 0; v < C; v++) {
                const float* const q = c + r * ldc + v * VF;
                s[r][v] = vadd(Tail && v == C - 1 ? vload_n(q, n_last) : vload(q), s[r][v]);
            }
    }
    GK_UNROLL(16) for (size_t r = 0; r < R; r++)
        GK_UNROLL(8) for (size_t v = 0; v < C; v++) {
            float* const q = c + r * ldc + v * VF;
            if (Tail && v == C - 1) vstore_n(q, s[r][v], n_last);
            else                    vstore(q, s[r][v]);
        }
}

/// The microkernel: a full tile of packed panels, and the twin of those in assembly.
void microkernel(size_t k, const float* a, const float* b, const impl::TileOfC* t) {
    tile<MR, NRV, false>({k, a, 1, MR, b, NR, t->c, t->ldc, t->accumulate != 0, 0}, 0, 0);
}
GK_INL impl::GemmTile* best_microkernel() {
#if GK_ARM64                       // two schedules of the same sums
    if (impl::has_kernel(impl::gemm_tiles, GK_ASM_PASS, GK_IN_ORDER, 1) && impl::in_order())
        return impl::kernel_for(impl::gemm_tiles, GK_ASM_PASS, GK_IN_ORDER, 1);
#endif
    return impl::has_kernel(impl::gemm_tiles, GK_ASM_PASS, 0, 1)
            ? impl::kernel_for(impl::gemm_tiles, GK_ASM_PASS, 0, 1) : &microkernel;
}

/// R rows of any number of columns, in the widest tiles that R leaves registers for.
template <size_t R> void row_tiles(const Tile& t, size_t cols) {
    constexpr size_t wide = R == 1 ? 8 : R <= 4 && NRV < 4 ? 4 : NRV;
    size_t j = 0;
    for (; j + wide * VF <= cols; j += wide * VF) tile<R, wide, false>(t, j, 0);
    if constexpr (wide > NRV) for (; j + NR <= cols; j += NR) tile<R, NRV, false>(t, j, 0);
    while (j < cols) {
        const size_t left = cols - j;
        if (NRV > 1 && left > (NRV - 1) * VF) {
            tile<R, NRV, true>(t, j, left < NR ? left - (NRV - 1) * VF : VF);
            j += NR;
        } else {
            tile<R, 1, true>(t, j, left < VF ? left : VF);
            j += VF;
        }
    }
}
/// At most MR rows, any columns.
template <size_t R = MR> void any_tile(const Tile& t, size_t rows, size_t cols) {
    if (rows == R) row_tiles<R>(t, cols);
    else if constexpr (R > 1) any_tile<R - 1>(t, rows, cols);
}

// ---- writing C --------------------------------------------------------------

struct identity { GK_MEM vf operator()(vf x) const { return x; } };

template <class E, class F>
void finish_rows(const float* t, size_t ldt, const E* bias, E* c, size_t ldc, size_t m, size_t n, const F& f) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j += VF) {
            const size_t l = n - j < VF ? n - j : VF;
            vf v = vload_n(t + i * ldt + j, l);
            if (bias) v = vadd(v, vload_n(bias + j, l));
            vstore_n(c + i * ldc + j, f(v), l);
        }
}
/// c = act(t + bias), rounded to E. t may be c itself.
template <class E> void finish(const float* t, size_t ldt, const E* bias, Activation act, E* c, size_t ldc,
        size_t m, size_t n) {
    switch (act) {
        case Activation::none: finish_rows(t, ldt, bias, c, ldc, m, n, identity{}); break;
        case Activation::relu: finish_rows(t, ldt, bias, c, ldc, m, n, relu_of{}); break;
        case Activation::gelu: finish_rows(t, ldt, bias, c, ldc, m, n, gelu_of{}); break;
        case Activation::silu: finish_rows(t, ldt, bias, c, ldc, m, n, silu_of{}); break;
        case Activation::tanh: finish_rows(t, ldt, bias, c, ldc, m, n, tanh_of{}); break;
    }
}

/// y[m][n] = x, or += x.
GK_INL void move_rows(const float* x, size_t ldx, float* y, size_t ldy, size_t m, size_t n, bool add) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j += VF) {
            const size_t l = least(n - j, VF);
            const vf     v = vload_n(x + i * ldx + j, l);
            vstore_n(y + i * ldy + j, add ? vadd(vload_n(y + i * ldy + j, l), v) : v, l);
        }
}
inline void move_tile(const float* x, size_t ldx, float* y, size_t ldy, size_t m, size_t n, bool add) {
    constexpr size_t whole = 32;                                // columns of a tile of AMX, and of the other wide ones
    if (n != whole) move_rows(x, ldx, y, ldy, m, n, add);
    else if (add)   move_rows(x, ldx, y, ldy, m, whole, true);
    else            move_rows(x, ldx, y, ldy, m, whole, false);
}

// ---- the loop nest ----------------------------------------------------------

/// Rows of A in a block: a sixth of L2, the rest is for panels of B, C and what is prefetched. Blocks of equal size, so
/// not monotone in m.
inline size_t block_rows(size_t m) {
    const size_t most = impl::l2_bytes() / (6 * KC * sizeof(float)), blocks = (m + most - 1) / most;
    return blocks ? round_up((m + blocks - 1) / blocks, MR) : MR;
}
/// The blocks of a product, and where they lie in a thread's scratch, in floats from its start. Made from the largest
/// part of a split; every part works with the same ones.
template <class E> struct Blocks {
    size_t mc, kc, nc;                                          // A is [mc][kc], B [kc][nc]
    bool   keep;                                                // panels of B, for further rows of C
    size_t b, sums, total;
    Blocks(size_t m, size_t n, size_t k, bool own_sums)
        : mc(block_rows(m)), kc(least(k, KC)), nc(least(round_up(n, NR), NC)), keep(m > mc),
          b(mc * kc + VF), sums(b + kc * (keep ? nc : NR)),
          total(sums + (own_sums && sizeof(E) < sizeof(float) && k > KC ? m * nc : 0)) {}
};
/// Beyond LONG_K, C is computed so much at a time: sums in double, then those of a part of k in f32, then the blocks.
struct LongBlocks {
    size_t m, n, part, blocks;
    LongBlocks(size_t all_m, size_t all_n)
        : m(least(all_m, 1024)), n(least(all_n, 512)), part(2 * m * n), blocks(3 * m * n) {}
};
template <class E> size_t scratch_floats(size_t m, size_t n, size_t k) {
    if (k <= LONG_K) return Blocks<E>(m, n, k, true).total;
    const LongBlocks at(m, n);
    return at.blocks + Blocks<E>(at.m, at.n, LONG_K, false).total;
}

/// The panels of one KC of one NC of columns of B, [kc][NR] each.
template <class E> struct BPanels {
    const impl::BSource& b;
    float*               block;        // where they are packed, `apart` floats from one to the next
    size_t               apart, p, kc, column, nc;
    const float*         ready;        // the panels that exist already

    /// Panel j, packed if need be.
    const float* at(size_t j) const {
        if (ready) return ready + j * kc;
        float* const panel = block + j * apart;
        b.panel(b, panel, p, kc, column + j, least(nc - j, NR));
        return panel;
    }
    /// What at(j) will read, part `i` of it when a part is `rows` rows of 128 bytes. Lines that two panels share were
    /// read with the first.
    impl::Ahead source(size_t j, size_t i, size_t rows) const {
        const size_t from = i * rows, size = transposed_size(b.panel);
        const char* const data = static_cast<const char*>(b.data);
        if (j >= nc) return {nullptr, 0, 0};
        if (ready)                     return {reinterpret_cast<const char*>(ready + j * kc) + from * 128, 128, rows};
        if (b.panel == &panel_rows<E>)
            return {data + ((p + from) * b.ld + column + j) * sizeof(E) + 63, b.ld * sizeof(E), rows};
        if (size && i < least(nc - j, NR))                      // column i of the panel
            return {data + ((column + j + i) * b.ld + p) * size, 128, kc * size / 128 + 1};
        return {nullptr, 0, 0};
    }
};

/// A full tile, or a part of one, from packed panels: chains of CHAIN. The first of several prefetches B, another one
/// C.
inline void packed_tile(Tile t, size_t rows, size_t cols, const impl::Ahead& next_b, const impl::Ahead& next_c) {
    const size_t k = t.k;
    for (size_t p = 0; p < k || p == 0; p += CHAIN) {
        const impl::Ahead& ahead = p == 0 && k > CHAIN && next_b.row ? next_b : next_c;
        t.k = least(k - p, CHAIN);
        const impl::TileOfC to = {t.c, t.ldc, t.accumulate, ahead};
        if (rows == MR && cols == NR) best_microkernel()(t.k, t.a, t.b, &to);
        else                          any_tile(t, rows, cols);
        t.a += CHAIN * MR;
        t.b += CHAIN * NR;
        t.accumulate = true;
    }
}

/// k up to LONG_K.
template <class E> void gemm_nest(const impl::GemmJob& job) {
    constexpr bool is_f32 = sizeof(E) == sizeof(float);
    const E* const a      = static_cast<const E*>(job.a);
    const E* const bias   = static_cast<const E*>(job.bias);
    const Blocks<E> at(job.part_m, job.part_n, job.k, !job.sums);
    float* const   a_block = job.scratch;
    float* const   b_block = job.scratch + at.b;
    float* const   sums    = job.sums ? job.sums : job.scratch + at.sums;
    const bool     in_sums  = job.sums || (!is_f32 && job.k > KC), own_tile = !is_f32 && !in_sums;
    const size_t   ld_sums  = job.sums ? job.n : at.nc;
    float          local[is_f32 ? 1 : MR * NR];
    for (size_t j0 = 0; j0 < job.n; j0 += NC) {
        const size_t nc = least(job.n - j0, NC);
        E* const     c0 = static_cast<E*>(job.c) + j0;
        for (size_t p0 = 0; p0 < job.k || p0 == 0; p0 += KC) {
            const size_t kc   = least(job.k - p0, KC);
            const bool   last = p0 + kc >= job.k;
            // Does a tile need finish()?
            const bool   done = last && !job.sums && (!is_f32 || bias || job.act != Activation::none);
            BPanels<E>   panels = {job.b, b_block, at.keep ? kc : 0, job.row + p0, kc, job.column + j0, nc,
                                   job.b.packed ? job.b.packed + (job.row + p0) * job.b.packed_n
                                                  + (job.column + j0) * kc : nullptr};
            for (size_t i0 = 0; i0 < job.m; i0 += at.mc) {
                const size_t mc = least(job.m - i0, at.mc);
                pack_a(a + i0 * job.lda + p0, job.lda, mc, kc, a_block);
                for (size_t j = 0; j < nc; j += NR) {
                    const size_t       cols  = least(nc - j, NR);
                    const float* const panel = panels.at(j);
                    const float*       a_panel = a_block;
                    const size_t       part = kc * MR / mc + 1;     // of the next panel for each tile to prefetch
                    for (size_t i = 0, tile = 0; i < mc; tile++, a_panel += MR * kc) {
                        const size_t rows = tile_rows(mc - i);
                        E* const     c    = c0 + (i0 + i) * job.ldc + j;
                        float* const part_of_sums = sums + (i0 + i) * ld_sums + (job.sums ? j0 : 0) + j;
                        float* const t    = own_tile ? local : in_sums ? part_of_sums : reinterpret_cast<float*>(c);
                        const size_t ldt  = own_tile ? NR : in_sums ? ld_sums : job.ldc;
                        const float* const next = i + rows < mc ? t + rows * ldt : t - i * ldt + NR;
                        packed_tile({kc, a_panel, 1, MR, panel, NR, t, ldt, p0 != 0, 32 * NR}, rows, cols,
                                    panels.source(j + NR, tile, part),
                                    {reinterpret_cast<const char*>(own_tile ? local : next), ldt * sizeof(float), MR});
                        if (done) finish(t, ldt, bias ? bias + j0 + j : nullptr, job.act, c, job.ldc, rows, cols);
                        i += rows;
                    }
                }
                if (at.keep) panels.ready = panels.ready ? panels.ready : b_block;
            }
        }
    }
}

/// Any k: beyond LONG_K blocks of C are summed in double, part by part of k.
template <class E> void gemm_run(const impl::GemmJob& job) {
    if (job.k <= LONG_K) { gemm_nest<E>(job); return; }
    const LongBlocks at(job.part_m, job.part_n);
    double* const total = reinterpret_cast<double*>(job.scratch);
    float* const  part  = job.scratch + at.part;
    for (size_t i0 = 0; i0 < job.m; i0 += at.m)
        for (size_t j0 = 0; j0 < job.n; j0 += at.n) {
            impl::GemmJob block = job;
            block.m       = least(job.m - i0, at.m);
            block.n       = least(job.n - j0, at.n);
            block.part_m  = at.m;
            block.part_n  = at.n;
            block.column  = job.column + j0;
            block.sums    = part;
            block.scratch = job.scratch + at.blocks;
            const size_t size = block.m * block.n;
            for (size_t p = 0; p < job.k; p += LONG_K) {
                block.k   = least(job.k - p, LONG_K);
                block.row = job.row + p;
                block.a   = static_cast<const E*>(job.a) + i0 * job.lda + p;
                gemm_nest<E>(block);
                for (size_t i = 0; i < size; i++) total[i] = (p ? total[i] : 0) + static_cast<double>(part[i]);
            }
            for (size_t i = 0; i < size; i++) part[i] = static_cast<float>(total[i]);
            finish(part, block.n, job.bias ? static_cast<const E*>(job.bias) + j0 : nullptr, job.act,
                   static_cast<E*>(job.c) + i0 * job.ldc + j0, job.ldc, block.m, block.n);
        }
}

/// A and B[k][n] in place, small shapes: every strip of B serves all tiles of rows from L1.
void gemm_run_small(const impl::GemmJob& job) {
    const float* const a = static_cast<const float*>(job.a);
    const float* const b = static_cast<const float*>(job.b.data) + job.column;
    float* const       c = static_cast<float*>(job.c);
    for (size_t j = 0; j < job.n; j += NR)
        for (size_t p = 0; p < job.k || p == 0; p += CHAIN)
            for (size_t i = 0, rows; i < job.m; i += rows) {
                rows = tile_rows(job.m - i);
                any_tile({least(job.k - p, CHAIN), a + i * job.lda + p, job.lda, 1, b + p * job.b.ld + j, job.b.ld,
                          c + i * job.ldc + j, job.ldc, p != 0, 0}, rows, least(job.n - j, NR));
            }
    if (job.bias || job.act != Activation::none)
        finish(c, job.ldc, static_cast<const float*>(job.bias), job.act, c, job.ldc, job.m, job.n);
}

/// t[R][columns] += A B over `steps` <= 8 rows of B, whose next 8 rows are prefetched.
template <size_t R, size_t C, bool Tail, class E>
GK_INL void band(const float* a, const E* b, size_t ldb, size_t steps, float* t, size_t ldt, size_t n_last) {
    vf s[R][C];
    GK_UNROLL(8) for (size_t r = 0; r < R; r++)
        GK_UNROLL(4) for (size_t v = 0; v < C; v++) s[r][v] = vload(t + r * ldt + v * VF);
    for (size_t p = 0; p < steps; p++, b += ldb) {
        vf y[C];
        GK_UNROLL(4) for (size_t v = 0; v < C; v++) y[v] = Tail ? vload_n(b + v * VF, n_last) : vload(b + v * VF);
        if (!Tail) prefetch(reinterpret_cast<const char*>(b + 8 * ldb));
        if (!Tail && C * VF * sizeof(E) > 64) prefetch(reinterpret_cast<const char*>(b + 8 * ldb) + 64);
        GK_UNROLL(8) for (size_t r = 0; r < R; r++) {
            const vf x = vset(a[p * 8 + r]);
            GK_UNROLL(4) for (size_t v = 0; v < C; v++) s[r][v] = vfma(x, y[v], s[r][v]);
        }
    }
    GK_UNROLL(8) for (size_t r = 0; r < R; r++)
        GK_UNROLL(4) for (size_t v = 0; v < C; v++) vstore(t + r * ldt + v * VF, s[r][v]);
}
template <size_t R, class E> void bands(const float* a, const E* b, size_t ldb, size_t steps, float* t, size_t ldt,
        size_t cols) {
    constexpr size_t C = VF == 1 ? 4 : 32 / VF < 2 ? 2 : 32 / VF > 4 || R > 4 ? 2 : 32 / VF;
    size_t j = 0;
    for (; j + C * VF <= cols; j += C * VF) band<R, C, false>(a, b + j, ldb, steps, t + j, ldt, 0);
    for (; j < cols; j += VF)               band<R, 1, true>(a, b + j, ldb, steps, t + j, ldt, least(cols - j, VF));
}

/// A and B[k][n] in place, up to 8 rows of A: bands of 8 rows of B are streamed along a page of columns, C is summed in
/// L1.
template <class E> void gemm_run_skinny(const impl::GemmJob& job) {
    const E* const bias = static_cast<const E*>(job.bias);
    float  chain[BAND], sum[BAND];
    double total[BAND];
    const size_t ldt = job.m > 4 ? BAND / 8 : job.m > 2 ? BAND / 4 : job.m > 1 ? BAND / 2 : BAND;
    for (size_t j = 0; j < job.n; j += ldt) {
        const size_t   cols = least(job.n - j, ldt), size = job.m * ldt;
        const E* const b    = static_cast<const E*>(job.b.data) + job.column + j;
        for (size_t i = 0; i < size; i++) sum[i] = chain[i] = 0;
        if (job.k > LONG_K) for (size_t i = 0; i < size; i++) total[i] = 0;
        for (size_t p = 0; p < job.k; p += 8) {
            const size_t steps = least(job.k - p, 8);
            float a[8 * 8];                                     // by k, widened
            for (size_t r = 0; r < job.m; r++) {
                float row[8 < VF ? VF : 8];
                convert(static_cast<const E*>(job.a) + r * job.lda + p, row, steps);
                for (size_t q = 0; q < steps; q++) a[q * 8 + r] = row[q];
            }
            for (size_t r = 0; r < job.m;) {
                const E* const at = b + p * job.b.ld;
                float* const   t  = chain + r * ldt;
                if      (job.m - r >= 8) { bands<8>(a + r, at, job.b.ld, steps, t, ldt, cols); r += 8; }
                else if (job.m - r >= 4) { bands<4>(a + r, at, job.b.ld, steps, t, ldt, cols); r += 4; }
                else if (job.m - r >= 2) { bands<2>(a + r, at, job.b.ld, steps, t, ldt, cols); r += 2; }
                else                     { bands<1>(a + r, at, job.b.ld, steps, t, ldt, cols); r += 1; }
            }
            const size_t done = p + steps;
            if (done % CHAIN != 0 && done != job.k) continue;
            for (size_t i = 0; i < size; i += VF) {
                vstore(sum + i, vadd(vload(sum + i), vload(chain + i)));
                vstore(chain + i, vzero());
            }
            if (job.k > LONG_K && (done % LONG_K == 0 || done == job.k))
                for (size_t i = 0; i < size; i++) {
                    total[i] += static_cast<double>(sum[i]);
                    sum[i] = done == job.k ? static_cast<float>(total[i]) : 0;
                }
        }
        finish(sum, ldt, bias ? bias + j : nullptr, job.act, static_cast<E*>(job.c) + j, job.ldc, job.m, cols);
    }
}

/// R rows of A in place by P panels of B, `apart` floats from one to the next, the last one `cols` columns wide.
template <size_t R, size_t P> void across(const Tile& t, size_t apart, size_t cols) {
    vf s[R][P * NRV];
    GK_UNROLL(2) for (size_t r = 0; r < R; r++)
        GK_UNROLL(16) for (size_t v = 0; v < P * NRV; v++) s[r][v] = vzero();
    const float *a = t.a, *b = t.b;
    for (size_t p = t.k; p != 0; p--, a++, b += NR) {
        vf y[P * NRV];
        GK_UNROLL(16) for (size_t v = 0; v < P * NRV; v++) y[v] = vload(b + v / NRV * apart + v % NRV * VF);
        GK_UNROLL(2) for (size_t r = 0; r < R; r++) {
            const vf x = vset(a[r * t.ars]);
            GK_UNROLL(16) for (size_t v = 0; v < P * NRV; v++) s[r][v] = vfma(x, y[v], s[r][v]);
        }
    }
    const size_t all = (P - 1) * NR + cols;
    GK_UNROLL(2) for (size_t r = 0; r < R; r++)
        GK_UNROLL(16) for (size_t v = 0; v < P * NRV; v++) {
            if (v * VF >= all) continue;
            float* const q = t.c + r * t.ldc + v * VF;
            const size_t l = least(all - v * VF, VF);
            vstore_n(q, t.accumulate ? vadd(vload_n(q, l), s[r][v]) : s[r][v], l);
        }
}
/// Rows of A in place, by panels made ahead: those that stay in L2 from panel to panel.
void panels_by_rows(const impl::GemmJob& job) {
    for (size_t p0 = 0; p0 < job.k || p0 == 0; p0 += KC) {
        const size_t kc = least(job.k - p0, KC), together = job.m == 1 ? 4 : job.m == 2 ? 2 : 1;
        const float* const panels = job.b.packed + p0 * job.b.packed_n + job.column * kc;
        for (size_t j = 0, cols; j < job.n; j += cols)
            for (size_t p = 0; p < kc || p == 0; p += CHAIN) {
                const bool wide = (together - 1) * NR < job.n - j;
                cols = least(job.n - j, wide ? together * NR : NR);
                Tile t = {least(kc - p, CHAIN), static_cast<const float*>(job.a) + p0 + p, job.lda, 1,
                          panels + j * kc + p * NR, NR, static_cast<float*>(job.c) + j, job.ldc, p0 + p != 0, 32 * NR};
                if      (job.m == 1 && wide) across<1, 4>(t, kc * NR, cols - 3 * NR);
                else if (job.m == 2 && wide) across<2, 2>(t, kc * NR, cols - NR);
                else for (size_t i = 0, rows; i < job.m; i += rows, t.a += rows * job.lda, t.c += rows * job.ldc) {
                    rows = tile_rows(job.m - i);
                    any_tile(t, rows, cols);
                }
            }
    }
    float* const c = static_cast<float*>(job.c);
    if (job.bias || job.act != Activation::none)
        finish(c, job.ldc, static_cast<const float*>(job.bias), job.act, c, job.ldc, job.m, job.n);
}
/// A in place, B in panels made ahead: few or short rows of A. The sums of the nest.
void gemm_run_panels(const impl::GemmJob& job) {
    static_assert(impl::PANELS_K == LONG_K, "as far as the nest adds up in f32");
    constexpr size_t most = 128 / MR * MR;
    impl::GemmJob part = job;
    for (size_t i = 0; i < job.m; i += most) {
        part.m = least(job.m - i, most);
        part.a = static_cast<const float*>(job.a) + i * job.lda;
        part.c = static_cast<float*>(job.c) + i * job.ldc;
        panels_by_rows(part);
    }
}

/// A and B[n][k] in place, by dot products: few rows of A.
template <class E, class W> void gemm_run_dots(const impl::GemmJob& job) {
    const W* const b = static_cast<const W*>(job.b.data) + job.column * job.b.ld;
    const E* const bias = static_cast<const E*>(job.bias);
    for (size_t i = 0; i < job.m; i += 8) {
        const size_t rows = least(job.m - i, 8);
        for (size_t j = 0; j < job.n; j += DOT_OUTPUTS) {
            const size_t cols = least(job.n - j, DOT_OUTPUTS);
            float        t[8 * DOT_OUTPUTS];
            dot_rows(static_cast<const E*>(job.a) + i * job.lda, b + j * job.b.ld, t, DOT_OUTPUTS, rows, cols, job.k);
            finish(t, DOT_OUTPUTS, bias ? bias + j : nullptr, job.act,
                   static_cast<E*>(job.c) + i * job.ldc + j, job.ldc, rows, cols);
        }
    }
}

// ---- panels made ahead ----------------------------------------------------------

inline size_t packed_floats_bytes(size_t n, size_t k) { return round_up(n, NR) * k * sizeof(float); }
inline void pack_floats(const impl::BSource& b, size_t n, size_t k, size_t begin, size_t end, void* panels) {
    for (size_t p = 0; p < k; p += KC) {
        const size_t kc = least(k - p, KC);
        for (size_t j = begin; j < end; j += NR)
            b.panel(b, static_cast<float*>(panels) + p * round_up(n, NR) + j * kc, p, kc, j, least(n - j, NR));
    }
}
inline void take_floats(impl::BSource& b, const void* panels, size_t n, size_t) {
    b.packed   = static_cast<const float*>(panels);
    b.packed_n = round_up(n, NR);
}

template <class E> impl::Panel* panel_of(impl::BForm form) {
    switch (form) {
        case impl::BForm::rows:       return &panel_rows<E>;
        case impl::BForm::format:     return &panel_format;
#if GK_HAS_CHECKPOINTS
        case impl::BForm::awq:        return &panel_checkpoint<awq_tensor>;
        case impl::BForm::gptq:       return &panel_checkpoint<gptq_tensor>;
#endif
        default:                      return nullptr;
    }
}
template <class E> impl::RunPart* run_exactly(size_t, size_t) { return &gemm_run<E>; }

template <class E> constexpr impl::GemmKernels gemm_kernels() {
    impl::GemmKernels g = {};
    g.mr = MR;
    g.nr = NR;
    g.scratch_floats   = &scratch_floats<E>;
    g.run              = &gemm_run<E>;
    g.run_terms        = &run_exactly<E>;
    g.run_small        = sizeof(E) == sizeof(float) ? &gemm_run_small : nullptr;
    g.run_skinny       = &gemm_run_skinny<E>;
    g.run_panels       = sizeof(E) == sizeof(float) ? &gemm_run_panels : nullptr;
    g.shallow          = 2 * KC;
    g.by[0]            = {&gemm_run<E>, &gemm_run_dots<E, float>, &panel_transposed<float>};
    g.by[1]            = {&gemm_run<E>, &gemm_run_dots<E, f16>,   &panel_transposed<f16>};
    g.by[2]            = {&gemm_run<E>, &gemm_run_dots<E, bf16>,  &panel_transposed<bf16>};
    g.packed_bytes     = &packed_floats_bytes;
    g.pack             = &pack_floats;
    g.take_packed      = &take_floats;
    g.panel            = &panel_of<E>;
    return g;
}

#if GK_HAS_CHECKPOINTS
template <class Decode> void dequant_checkpoint(const impl::Checkpoint& t, float* out, size_t j, size_t cols) {
    for (size_t c = 0; c < cols; c += NR)
        for (size_t p = 0; p < t.k; p += 64) {
            const size_t kc = least(t.k - p, 64), n = least(cols - c, NR);
            float strip[64 * NR];
            Decode::columns(t, strip, NR, p, kc, j + c, n);
            for (size_t r = 0; r < n; r++)
                for (size_t i = 0; i < kc; i++) out[(j + c + r) * t.k + p + i] = strip[i * NR + r];
        }
}
constexpr impl::CheckpointKernels checkpoint_kernels = {
    &dequant_checkpoint<awq_tensor>, &dequant_checkpoint<gptq_tensor>
};
#else
constexpr impl::CheckpointKernels checkpoint_kernels = {};
#endif

template <class E> constexpr impl::GemmKernels gemm_table = gemm_kernels<E>();

#if GK_HAS_ATTENTION

// ============================================================================
// [14] ATTENTION
// ============================================================================
//
// Keys are taken in pieces of PIECE tokens and these in blocks of KEYS, both at fixed positions. Within a piece each
// block brings its largest score m, its sum of p = e^(s - m), and its sum of p v; what came before is rescaled by
// e^(old m - new m), all in f32. Pieces are merged in order, in double. A key that a query does not see has p = 0 and
// adds nothing. So the bits of a query depend on itself, on what it sees and on where that is. Two forms share them:
//
//   few    rows of q stay apart. Lanes are the 16 tokens of a page for scores, elements of a head for values. A unit
//          of work is a piece of the keys of a head; what it leaves is merged when all are done.
//   many   NR rows of q are the lanes of a panel [head_dim][NR]. Scores [keys][NR] are keys times panel, and what
//          becomes of them, p, is the panel that the values, transposed, are multiplied with: both are tiles of [13],
//          for which keys and values are packed once for several panels. A unit is so many panels of a head.
//
// Rows of q are those of the heads that share keys, query by query. Sums over head_dim are chains as in [13], so are
// those of p v in a block; p is summed by position in a page, then by halves of it.
//
// In u, with A as in [2] and V the largest |v|. A relative error of d in each p is one of d V in the result. Scores: 1
// for scaling q, 128 + head_dim / 128 - 1 for the sum, 6 for a cap, and 2 each for s - m and for the old - new m that
// follow: 145 A V. Others: 112 in a block, 2 for each of the three more blocks, 2 for each of 5 exponentials,
// 7 + 4 + 2 * 3 in the sum of p, 1 for the result: 146 V.

constexpr size_t PAGE = impl::cache_page, PAGEV = PAGE / VF, KEYS = GK_PASS == GK_AVX2 ? 96 : 112, PAGES = KEYS / PAGE;
constexpr size_t PIECE = 4 * KEYS;
static_assert(KEYS % MR == 0 && KEYS % PAGE == 0 && KEYS <= CHAIN, "whole tiles, one chain");

constexpr float lane_numbers[PAGE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// ---- keys and values as they lie in a cache ------------------------------------

/// The keys of a page, of each type: two() gives rows i and i + 1 of [head_dim][16], i even and not falling.
template <class T> struct KeyRows {
    static constexpr size_t bytes = PAGE * sizeof(T);           // of a row
    const T* rows;
    GK_MEM void open(const uint8_t* page, size_t)      { rows = reinterpret_cast<const T*>(page); }
    GK_MEM void two(size_t i, vf (&v)[2 * PAGEV]) {
        GK_UNROLL(32) for (size_t j = 0; j < 2 * PAGEV; j++) v[j] = vload(rows + i * PAGE + j * VF);
    }
};
struct KeyCodes {
    static constexpr size_t bytes = PAGE;
    const int8_t* codes;
    const f16*    scales;
    vf            scale[PAGEV];
    GK_MEM void open(const uint8_t* page, size_t d) {
        codes  = reinterpret_cast<const int8_t*>(page);
        scales = reinterpret_cast<const f16*>(page + d * PAGE);
        GK_UNROLL(16) for (size_t j = 0; j < PAGEV; j++) scale[j] = vzero();
    }
    GK_MEM void two(size_t i, vf (&v)[2 * PAGEV]) {
        if (i % 32 == 0)
            GK_UNROLL(16) for (size_t j = 0; j < PAGEV; j++) scale[j] = vload(scales + i / 32 * PAGE + j * VF);
        GK_UNROLL(32) for (size_t j = 0; j < 2 * PAGEV; j++)
            v[j] = vmul(vload(codes + i * PAGE + j * VF), scale[j % PAGEV]);
    }
};

/// A row of values: vector c of those from `row` on, where `row` is at a multiple of 32 for codes.
template <class T> struct ValueRow {
    static constexpr size_t step = 1, bytes = sizeof(T);        // elements and bytes of what a row is made of
    GK_MEM static vf at(const uint8_t* row, size_t c)   { return vload(reinterpret_cast<const T*>(row) + c * VF); }
    GK_MEM static vf part(const uint8_t* row, size_t n) { return vload_n(reinterpret_cast<const T*>(row), n); }
};
struct ValueCodes {
    static constexpr size_t step = 32, bytes = sizeof(impl::block_q8_0);
    GK_MEM static vf at(const uint8_t* row, size_t c) {
        return vmul(vload(reinterpret_cast<const int8_t*>(row + 2) + c * VF), vset(half(row)));
    }
    GK_MEM static vf part(const uint8_t*, size_t)       { return vzero(); }
};

/// out[d] = a row of values; up to VF floats behind it may be written.
template <class Row> GK_INL void widen_values(const uint8_t* row, size_t d, float* out) {
    size_t j = 0;
    if (Row::step > 1) {
        for (; j < d; j += 32, row += Row::bytes)
            GK_UNROLL(32) for (size_t c = 0; c < 32 / VF; c++) vstore(out + j + c * VF, Row::at(row, c));
        return;
    }
    for (; j + VF <= d; j += VF) vstore(out + j, Row::at(row + j * Row::bytes, 0));
    if (j < d) vstore(out + j, Row::part(row + j * Row::bytes, d - j));
}
inline void widen_row(CacheType type, const uint8_t* row, size_t d, float* out) {
    switch (type) {
        case CacheType::f32:  widen_values<ValueRow<float>>(row, d, out); return;
        case CacheType::f16:  widen_values<ValueRow<f16>>(row, d, out); return;
        case CacheType::bf16: widen_values<ValueRow<bf16>>(row, d, out); return;
        case CacheType::Q8_0: widen_values<ValueCodes>(row, d, out); return;
    }
}

/// The keys and values of one head in some pages of a block. Keys of plain arrays are turned into pages of floats.
struct CacheBlock {
    size_t         count;                                       // pages
    CacheType      key_type;
    const uint8_t* keys[PAGES];
    const uint8_t* values[PAGES];
    size_t         value_stride;                                // bytes from token to token
};
/// Floats to keep turned keys in, and rows on their way.
inline size_t turned_floats(const KvView& kv) { return kv.pages ? 0 : (PAGES + 1) * PAGE * kv.head_dim + 16; }

template <class T> void turn_page(const uint8_t* rows, size_t stride, size_t count, size_t d, float* page) {
    transpose(reinterpret_cast<const T*>(rows), stride / sizeof(T), count, d, page, PAGE);
    for (size_t r = round_up(count, VF); r < PAGE; r++)
        for (size_t i = 0; i < d; i++) page[i * PAGE + r] = 0;
}
inline CacheBlock cache_block(const KvView& kv, size_t head, size_t first, size_t count, float* turned) {
    CacheBlock b = {};
    b.count        = count;
    b.key_type     = kv.pages ? kv.keys.type : CacheType::f32;
    b.value_stride = kv.pages ? impl::cache_row_bytes(kv.values.type, kv.head_dim) : kv.values.token_stride;
    const uint8_t* const keys   = static_cast<const uint8_t*>(kv.keys.data);
    const uint8_t* const values = static_cast<const uint8_t*>(kv.values.data);
    const size_t d = kv.head_dim;
    for (size_t p = 0; p < count; p++) {
        if (kv.pages) {
            const size_t at = kv.pages[first + p] * kv.page_stride;
            b.keys[p]   = keys + at + head * PAGE * impl::cache_row_bytes(kv.keys.type, d);
            b.values[p] = values + at + head * PAGE * b.value_stride;
            continue;
        }
        const size_t   t = (first + p) * PAGE, tokens = least(kv.length - t, PAGE), stride = kv.keys.token_stride;
        const uint8_t* rows = keys + t * stride + head * kv.keys.head_stride;
        float* const   page = turned + p * PAGE * d;
        float* const   wide = turned + PAGES * PAGE * d;
        b.keys[p]   = reinterpret_cast<const uint8_t*>(page);
        b.values[p] = values + t * kv.values.token_stride + head * kv.values.head_stride;
        switch (kv.keys.type) {
            case CacheType::f32:  turn_page<float>(rows, stride, tokens, d, page); break;
            case CacheType::f16:  turn_page<f16>(rows, stride, tokens, d, page); break;
            case CacheType::bf16: turn_page<bf16>(rows, stride, tokens, d, page); break;
            case CacheType::Q8_0:
                for (size_t i = 0; i < tokens; i++) widen_row(CacheType::Q8_0, rows + i * stride, d, wide + i * d);
                turn_page<float>(reinterpret_cast<const uint8_t*>(wide), d * sizeof(float), tokens, d, page);
        }
    }
    return b;
}

// ---- what both forms do --------------------------------------------------------

/// A score on its way: capped, and what a slope times the distance adds.
GK_INL vf shaped(const impl::AttentionJob& job, vf s, vf slope, vf distance) {
    if (job.softcap > 0) { const vf cap = vset(job.softcap); s = vmul(cap, vtanh(vdiv(s, cap))); }
    return job.slopes ? vfma(slope, distance, s) : s;
}
/// The position of query i as seen from token `from`.
GK_INL float place_of(const impl::AttentionJob& job, size_t i, size_t from) {
    return static_cast<float>(static_cast<int64_t>(job.position + i) - static_cast<int64_t>(from));
}
/// What is subtracted from scores the largest of which is m: 0 where there is none.
GK_INL vf top_of(vf m) { return vselect(vlt(m, vset(-impl::largest_float)), vzero(), m); }
/// Of 16 lanes, in the order of panel_exponentials: halves, of halves. vsum of wide vectors is that.
GK_INL float sum_by_halves(vf (&v)[PAGEV]) {
    GK_UNROLL(4) for (size_t w = PAGEV / 2; w; w /= 2)
        GK_UNROLL(8) for (size_t j = 0; j < w; j++) v[j] = vadd(v[j], v[j + w]);
    if (VF != 4) return vsum(v[0]);
    float t[VF];
    vstore(t, v[0]);
    return (t[0] + t[2 % VF]) + (t[1 % VF] + t[3 % VF]);
}
/// Four sums of a piece join those before it: sums = a sums + b part.
GK_INL void join4(double* sums, const float* part, const double* a, const double* b) {
    const double s0 = sums[0] * a[0] + static_cast<double>(part[0]) * b[0];
    const double s1 = sums[1] * a[1] + static_cast<double>(part[1]) * b[1];
    const double s2 = sums[2] * a[2] + static_cast<double>(part[2]) * b[2];
    const double s3 = sums[3] * a[3] + static_cast<double>(part[3]) * b[3];
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}
/// The sum of a query in double begins with its sink: 1, or 0 for -inf, or NaN.
GK_INL double sink_sum(const float* sinks, size_t head) {
    return !sinks || sinks[head] < -impl::largest_float ? 0 : 1 + static_cast<double>(sinks[head] - sinks[head]);
}
/// A result: 0 where nothing was seen, nor -0.
GK_INL float quotient(double sum, double inverse) { return static_cast<float>(sum * inverse + 0.0); }

/// What is seen of tokens from .. to - 1.
GK_INL impl::Seen seen_in(const impl::Seen& s, size_t from, size_t to) {
    return {s.begin < from ? from : least(s.begin, to), s.end < from ? from : least(s.end, to)};
}

// ---- few -----------------------------------------------------------------------

// What a unit leaves of each row: sums of p v, head_dim of them; then the largest score, and the sum of p.

GK_INL size_t part_floats(size_t d)                  { return round_up(d, PAGE) + PAGE; }
inline size_t few_parts(size_t rows, size_t pieces, size_t d) { return rows * pieces * part_floats(d); }
inline size_t few_scratch(const KvView& kv)          { return turned_floats(kv); }

/// What is prefetched while something else is read: the keys, or the values, of a head in some pages. A few lines of
/// each by turns: so many streams get more of the memory's bandwidth than one.
struct Ahead {
    const uint8_t* const* pages;
    size_t                count, bytes;                         // pages; of each
    size_t                page, at;                             // the next line
    template <size_t part> GK_MEM void prefetch_bytes() {
        constexpr size_t lines = (part + 63) / 64, turns = (lines + 3) / 4, each = (lines + turns - 1) / turns;
        for (size_t t = 0; t < turns && at < bytes; t++) {
            const char* const line = reinterpret_cast<const char*>(pages[page] + at);
            GK_UNROLL(4) for (size_t i = 0; i < each; i++) prefetch(line + 64 * i);
            if (++page == count) { page = 0; at += 64 * each; }
        }
    }
};

/// s[r * KEYS + t] = rows r of q[R][d] times the keys of P pages.
template <class Keys, size_t R, size_t P>
GK_INL void page_scores(const uint8_t* const* pages, Ahead* values, const float* q, size_t d, float* s) {
    Keys  keys[P];
    Ahead ahead = *values;
    GK_UNROLL(8) for (size_t p = 0; p < P; p++) keys[p].open(pages[p], d);
    for (size_t from = 0; from < d; from += CHAIN) {
        vf acc[R][P * PAGEV];
        GK_UNROLL(4) for (size_t r = 0; r < R; r++)
            GK_UNROLL(16) for (size_t j = 0; j < P * PAGEV; j++) acc[r][j] = vzero();
        const size_t end = least(d, from + CHAIN);
        for (size_t i = from; i < end; i += 2) {
            ahead.prefetch_bytes<P * 2 * Keys::bytes>();
            GK_UNROLL(8) for (size_t p = 0; p < P; p++) {
                vf v[2 * PAGEV];
                keys[p].two(i, v);
                GK_UNROLL(2) for (size_t k = 0; k < 2; k++)
                    GK_UNROLL(4) for (size_t r = 0; r < R; r++) {
                        const vf x = vset(q[r * d + i + k]);
                        GK_UNROLL(16) for (size_t j = 0; j < PAGEV; j++)
                            acc[r][p * PAGEV + j] = vfma(x, v[k * PAGEV + j], acc[r][p * PAGEV + j]);
                    }
            }
        }
        GK_UNROLL(4) for (size_t r = 0; r < R; r++)
            GK_UNROLL(16) for (size_t j = 0; j < P * PAGEV; j++) {
                float* const to = s + r * KEYS + j * VF;
                vstore(to, from ? vadd(vload(to), acc[r][j]) : acc[r][j]);
            }
    }
    *values = ahead;
}
/// Of pages p .. last - 1 of a block.
template <class Keys, size_t R>
void block_scores(const CacheBlock& b, Ahead* values, size_t p, size_t last, const float* q, size_t d, float* s) {
    constexpr size_t P = VF < 8 ? 1 : VF == 8 ? (R == 4 ? 1 : 2) : R == 1 ? 7 : 4, Q = P > 2 ? 3 : 1;   // of 7 pages
    for (; p + P <= last; p += P) page_scores<Keys, R, P>(b.keys + p, values, q, d, s + p * PAGE);
    for (; p + Q <= last; p += Q) page_scores<Keys, R, Q>(b.keys + p, values, q, d, s + p * PAGE);
    for (; p < last; p++)         page_scores<Keys, R, 1>(b.keys + p, values, q, d, s + p * PAGE);
}

/// sums[r * ld + j] = sum of p[r * KEYS + t] v[t][j] over tokens begin .. end - 1 of a block.
struct ValueSums {
    const CacheBlock& block;
    Ahead*            keys;
    const float*      p;
    size_t            begin, end;
    float*            sums;
    size_t            d, ld;
};
/// C vectors of columns from column j on: vectors c0 .. of what is at byte `offset` of a row.
template <class Row, size_t R, size_t C>
GK_INL void value_columns(const ValueSums& s, size_t j, size_t offset, size_t c0) {
    vf acc[R][C];
    GK_UNROLL(4) for (size_t r = 0; r < R; r++) GK_UNROLL(8) for (size_t c = 0; c < C; c++) acc[r][c] = vzero();
    const float* const p = s.p;
    const size_t stride = s.block.value_stride, begin = s.begin, end = s.end;
    Ahead ahead = *s.keys;
    for (size_t page = begin / PAGE; page * PAGE < end; page++) {
        const size_t   base = page * PAGE, first = base < begin ? begin : base, last = least(end, base + PAGE);
        const uint8_t* row  = s.block.values[page] + (first - base) * stride + offset;
        for (size_t t = first; t < last; t++, row += stride) {
            vf v[C];
            GK_UNROLL(8) for (size_t c = 0; c < C; c++) v[c] = Row::at(row, c0 + c);
            ahead.prefetch_bytes<C * VF * Row::bytes / Row::step>();
            GK_UNROLL(4) for (size_t r = 0; r < R; r++) {
                const vf x = vset(p[r * KEYS + t]);
                GK_UNROLL(8) for (size_t c = 0; c < C; c++) acc[r][c] = vfma(v[c], x, acc[r][c]);
            }
        }
    }
    GK_UNROLL(4) for (size_t r = 0; r < R; r++)
        GK_UNROLL(8) for (size_t c = 0; c < C; c++) vstore(s.sums + r * s.ld + j + c * VF, acc[r][c]);
    *s.keys = ahead;
}
/// All columns.
template <class Row, size_t R> void block_values(const ValueSums& s) {
    constexpr size_t C = VF == 8 && R == 4 ? 2 : VF == 16 && Row::step > 1 ? 2 : 4;
    const size_t d = s.d;
    size_t j = 0;
    if (Row::step > 1) {
        for (; j < d; j += 32)
            GK_UNROLL(8) for (size_t c = 0; c < 32 / VF; c += C)
                value_columns<Row, R, C>(s, j + c * VF, j / 32 * Row::bytes, c);
        return;
    }
    for (; j + C * VF <= d; j += C * VF) value_columns<Row, R, C>(s, j, j * Row::bytes, 0);
    for (; j + 2 * VF <= d; j += 2 * VF) value_columns<Row, R, 2>(s, j, j * Row::bytes, 0);
    for (; j + VF <= d; j += VF)         value_columns<Row, R, 1>(s, j, j * Row::bytes, 0);
    for (size_t r = 0; j < d && r < R; r++) {
        vf acc = vzero();
        for (size_t t = s.begin; t < s.end; t++) {
            const uint8_t* const row = s.block.values[t / PAGE] + t % PAGE * s.block.value_stride;
            acc = vfma(Row::part(row + j * Row::bytes, d - j), vset(s.p[r * KEYS + t]), acc);
        }
        vstore(s.sums + r * s.ld + j, acc);
    }
}

/// R rows of q[R][d], the heads from `head` on of one query, against the tokens of the block at `from` that it sees.
struct FewRows {
    const impl::AttentionJob& job;
    const CacheBlock&         block;
    Ahead                    *values, *keys;                    // prefetched while keys are read, and while values are
    size_t                    from, query, head;
    size_t                    begin, end;                       // of the block, seen
    const float*              q;
    float*                    parts;                            // what the unit leaves of the rows
};

/// Scores of a row in whole pages: shaped, and -inf where they are not seen. The largest.
inline float shape_row(const FewRows& rows, size_t head, float* s) {
    const impl::AttentionJob& job = rows.job;
    const vf place = vset(place_of(job, rows.query, rows.from)), none = vset(-impl::infinity);
    const vf slope = vset(job.slopes ? job.slopes[head] : 0);
    vf m = none;
    for (size_t t = rows.begin / PAGE * PAGE; t < round_up(rows.end, PAGE); t += VF) {
        const vf at = vadd(vload(lane_numbers + t % PAGE), vset(static_cast<float>(t - t % PAGE)));
        vf x = shaped(job, vload(s + t), slope, vsub(at, place));
        if (t < rows.begin)    x = vselect(vlt(at, vset(static_cast<float>(rows.begin))), none, x);
        if (t + VF > rows.end) x = vselect(vlt(at, vset(static_cast<float>(rows.end))), x, none);
        vstore(s + t, x);
        m = vmax(x, m);
    }
    return vhmax(m);
}
/// Scores of a row become p. Their sum.
inline float exponentials_of_row(const FewRows& rows, float top, float* s) {
    const vf subtract = vset(top);
    vf sum[PAGEV];
    for (size_t j = 0; j < PAGEV; j++) sum[j] = vzero();
    for (size_t t = rows.begin / PAGE * PAGE; t < rows.end; t += PAGE)
        for (size_t j = 0; j < PAGEV; j++) {
            const vf p = vexp(vsub(vload(s + t + j * VF), subtract));
            vstore(s + t + j * VF, p);
            sum[j] = vadd(sum[j], p);
        }
    return sum_by_halves(sum);
}
/// Scores become p, the state of the rows takes them in; factor: what rescales their sums.
template <size_t R> void few_exponentials(const FewRows& rows, float* s, float* factor) {
    const size_t d = rows.job.kv.head_dim;
    float* const states = rows.parts + round_up(d, PAGE);
    float old[PAGE] = {}, largest_score[PAGE] = {}, top[PAGE];
    for (size_t r = 0; r < R; r++) {
        const float most = shape_row(rows, rows.head + r, s + r * KEYS);
        old[r] = states[r * part_floats(d)];
        largest_score[r] = most > old[r] ? most : old[r];
    }
    for (size_t r = 0; r < R; r += VF) {
        const vf t = top_of(vload(largest_score + r));
        vstore(top + r, t);
        vstore(factor + r, vexp(vsub(vload(old + r), t)));
    }
    for (size_t r = 0; r < R; r++) {
        float* const state = states + r * part_floats(d);
        state[0] = largest_score[r];
        state[1] = state[1] * factor[r] + exponentials_of_row(rows, top[r], s + r * KEYS);
    }
}
template <size_t R> void few_rows(const FewRows& rows) {
    const impl::AttentionJob& job = rows.job;
    const CacheBlock& b = rows.block;
    const size_t d = job.kv.head_dim, ld = round_up(d, PAGE);
    const size_t first = rows.begin / PAGE, last = (rows.end + PAGE - 1) / PAGE;
    impl::Lines<float, R * KEYS> scores;
    impl::Lines<float, R * 576>  sums_of_values;
    float *const s = scores.begin(), *const sums = sums_of_values.begin();
    switch (b.key_type) {
        case CacheType::f32:  block_scores<KeyRows<float>, R>(b, rows.values, first, last, rows.q, d, s); break;
        case CacheType::f16:  block_scores<KeyRows<f16>, R>(b, rows.values, first, last, rows.q, d, s); break;
        case CacheType::bf16: block_scores<KeyRows<bf16>, R>(b, rows.values, first, last, rows.q, d, s); break;
        case CacheType::Q8_0: block_scores<KeyCodes, R>(b, rows.values, first, last, rows.q, d, s); break;
    }
    float factor[PAGE];
    few_exponentials<R>(rows, s, factor);
    const ValueSums values = {b, rows.keys, s, rows.begin, rows.end, sums, d, ld};
    switch (job.kv.values.type) {
        case CacheType::f32:  block_values<ValueRow<float>, R>(values); break;
        case CacheType::f16:  block_values<ValueRow<f16>, R>(values); break;
        case CacheType::bf16: block_values<ValueRow<bf16>, R>(values); break;
        case CacheType::Q8_0: block_values<ValueCodes, R>(values); break;
    }
    for (size_t r = 0; r < R; r++) {
        float* const to = rows.parts + r * part_floats(d);
        const vf     f  = vset(factor[r]);
        for (size_t j = 0; j < d; j += VF) vstore(to + j, vadd(vmul(vload(to + j), f), vload(sums + r * ld + j)));
    }
}

/// Rows of q, scaled, in the order of heads of keys: [kv_heads][m][heads / kv_heads][head_dim].
template <class E> void few_inputs(const impl::AttentionJob& job, float* inputs) {
    const size_t d = job.kv.head_dim, group = job.heads / job.kv.kv_heads;
    const vf     scale = vset(job.scale);
    for (size_t h = 0; h < job.heads; h++)
        for (size_t i = 0; i < job.m; i++) {
            const E* const q  = static_cast<const E*>(job.q) + (i * job.heads + h) * d;
            float* const   to = inputs + ((h / group * job.m + i) * group + h % group) * d;
            size_t j = 0;
            for (; j + VF <= d; j += VF) vstore(to + j, vmul(vload(q + j), scale));
            if (j < d) vstore_n(to + j, vmul(vload_n(q + j, d - j), scale), d - j);
        }
}

/// A unit against a block: all queries, some heads at once. rows: as the whole block is seen.
inline void few_queries(size_t unit, const FewRows& whole) {
    const impl::AttentionJob& job = whole.job;
    const size_t group = job.heads / job.kv.kv_heads, all = job.m * group, head = unit % job.kv.kv_heads;
    const size_t d = job.kv.head_dim, from = whole.from, part = part_floats(d);
    FewRows rows = whole;
    for (size_t i = 0; i < job.m; i++) {
        const impl::Seen seen = seen_in(seen_by(job, i), from, from + whole.end);
        if (seen.begin >= seen.end) continue;
        rows.query = i;
        rows.begin = seen.begin - from;
        rows.end   = seen.end - from;
        for (size_t g = 0; g < group;) {
            const size_t at_once = least(group - g, VF == 1 ? 1 : 4);
            rows.head  = head * group + g;
            rows.q     = job.inputs + (head * all + i * group + g) * d;
            rows.parts = job.parts + (unit * all + i * group + g) * part;
            if      (at_once == 4) few_rows<VF == 1 ? 1 : 4>(rows);
            else if (at_once >= 2) few_rows<VF == 1 ? 1 : 2>(rows);
            else                   few_rows<1>(rows);
            g += at_once == 3 ? 2 : at_once;
        }
    }
}

/// Units begin .. end - 1 of one piece, of whose tokens `seen` are seen. The heads take turns, block by block, so that
/// pages are read from end to end.
inline void few_piece(const impl::AttentionJob& job, size_t begin, size_t end, const impl::Seen& seen, float* scratch) {
    const KvView& kv = job.kv;
    const auto block_of = [&](size_t unit, size_t from, size_t to) {
        return cache_block(kv, unit % kv.kv_heads, from / PAGE, (to - from + PAGE - 1) / PAGE, scratch);
    };
    for (size_t from = seen.begin / KEYS * KEYS; from < seen.end; from += KEYS) {
        const size_t to = least(from + KEYS, seen.end), after = least(seen.end, to + KEYS);
        for (size_t u = begin; u < end; u++) {
            const CacheBlock b = block_of(u, from, to);
            const bool       more = u + 1 < end;
            const CacheBlock next = !kv.pages ? b : more ? block_of(u + 1, from, to) : block_of(begin, to, after);
            Ahead values = {b.values, b.count, PAGE * impl::cache_row_bytes(kv.values.type, kv.head_dim), 0, 0};
            Ahead keys   = {next.keys, next.count, PAGE * impl::cache_row_bytes(kv.keys.type, kv.head_dim), 0, 0};
            if (!kv.pages || next.count == 0) keys.bytes = 0;
            few_queries(u, {job, b, &values, &keys, from, 0, 0, 0, to - from, nullptr, nullptr});
        }
    }
}
/// Units begin .. end - 1, each a piece of one head of keys: [pieces][kv_heads].
inline void few_units(const impl::AttentionJob& job, size_t unit, size_t end, float* scratch) {
    const size_t heads = job.kv.kv_heads, rows = job.m * (job.heads / heads);
    const size_t d = job.kv.head_dim, floats = part_floats(d);
    for (size_t stop; unit < end; unit = stop) {
        const size_t piece = unit / heads, base = (job.first + piece) * PIECE;
        stop = least(end, (piece + 1) * heads);
        for (size_t r = unit * rows; r < stop * rows; r++) {
            float* const part = job.parts + r * floats;
            for (size_t j = 0; j < floats; j += VF) vstore(part + j, vzero());
            part[round_up(d, PAGE)] = -impl::infinity;
        }
        few_piece(job, unit, stop, seen_in(seen_by_all(job), base, base + PIECE), scratch);
    }
}

/// Rows begin .. end - 1 of out, [m][heads]: the parts of each, merged.
template <class E> void few_outputs(const impl::AttentionJob& job, size_t row, size_t end) {
    constexpr size_t BATCH = 64;
    const size_t d = job.kv.head_dim, ld = round_up(d, PAGE), group = job.heads / job.kv.kv_heads, rows = job.m * group;
    impl::Lines<double, 576> sums_of_values;
    double* const sums = sums_of_values.begin();
    for (; row < end; row++) {
        const size_t i = row / job.heads, h = row % job.heads;
        const float* const parts = job.parts + (h / group * rows + i * group + h % group) * part_floats(d);
        const size_t stride = job.kv.kv_heads * rows * part_floats(d);
        float  largest_score = job.sinks ? job.sinks[h] : -impl::infinity;
        double sum = sink_sum(job.sinks, h);
        for (size_t j = 0; j < d; j++) sums[j] = 0;
        for (size_t k0 = 0; k0 < job.pieces; k0 += BATCH) {
            const size_t n = least(BATCH, job.pieces - k0);
            float before[BATCH], here[BATCH];                   // factors of what came before each piece, and of itself
            for (size_t k = 0; k < BATCH; k++) before[k] = here[k] = 0;
            for (size_t k = 0; k < n; k++) {
                const float m = parts[(k0 + k) * stride + ld], most = m > largest_score ? m : largest_score;
                const float top = most < -impl::largest_float ? 0 : most;
                before[k] = largest_score - top;
                here[k]   = m - top;
                largest_score = most;
            }
            for (size_t k = 0; k < n; k += VF) {
                vstore(before + k, vexp(vload(before + k)));
                vstore(here + k, vexp(vload(here + k)));
            }
            for (size_t k = 0; k < n; k++) {
                const float* const part = parts + (k0 + k) * stride;
                const double a = static_cast<double>(before[k]), b = static_cast<double>(here[k]);
                const double a4[4] = {a, a, a, a}, b4[4] = {b, b, b, b};
                sum = sum * a + static_cast<double>(part[ld + 1]) * b;
                for (size_t j = 0; j < d; j += 4) join4(sums + j, part + j, a4, b4);
            }
        }
        const double inverse = 1 / sum;
        E* const     out     = static_cast<E*>(job.out) + row * d;
        float        t[576];
        for (size_t j = 0; j < d; j++) t[j] = quotient(sums[j], inverse);
        if (sum == 0) for (size_t j = 0; j < d; j++) t[j] = 0;
        convert(t, out, d);
    }
}

// ---- many ----------------------------------------------------------------------

/// What a panel of rows holds, and where in its part of the scratch, in floats.
struct PanelPlaces {
    size_t q, sums, totals, state, floats;                      // [d][NR] each, totals in double; rows of NR
    explicit PanelPlaces(size_t d)
        : q(0), sums(d * NR), totals(2 * d * NR), state(4 * d * NR), floats(state + 5 * NR + 12) {}
};
constexpr size_t AT_ONCE = 8;               // rows on their way to panels: what is stored is not read at once
GK_INL size_t value_row(size_t d) { return round_up(d + MR + VF, 16); }

/// The scratch of a thread: packed keys, and values, some rows on their way, scores; then turned keys, then the panels.
struct ManyPlaces {
    size_t keys, values, rows, scores, turned, panels;
    explicit ManyPlaces(const KvView& kv)
        : keys(0), values(round_up(keys + KEYS * kv.head_dim + VF, 16)),
          rows(round_up(values + KEYS * (kv.head_dim + MR) + VF, 16)), scores(rows + AT_ONCE * value_row(kv.head_dim)),
          turned(scores + KEYS * NR), panels(round_up(turned + turned_floats(kv), 16)) {}
};
inline size_t many_scratch(const KvView& kv, size_t panels) {
    return ManyPlaces(kv).panels + panels * round_up(PanelPlaces(kv.head_dim).floats, 16);
}

/// Rows of a tile's width from `row` to panels, as row i of each; those of the next row are overwritten later.
GK_INL void pack_row(const float* row, size_t i, size_t rows, size_t cols, float* panels) {
    for (size_t j = 0; j < cols; panels += MR * rows) {
        float* const to = panels + i * MR;
        const bool   last = i + 1 == rows;
        for (size_t v = 0; v < MR; v += VF) {
            if (last) vstore_n(to + v, vload(row + j + v), least(MR - v, VF));
            else      vstore(to + v, vload(row + j + v));
        }
        j += tile_rows(cols - j);
    }
}
/// Keys to panels [d][MR]; tokens beyond the pages become zeros.
template <class Keys> void pack_keys(const CacheBlock& b, size_t d, float* panels) {
    Keys keys[PAGES];
    impl::Lines<float, AT_ONCE * KEYS + VF> some_rows;
    float* const rows = some_rows.begin();
    for (size_t t = 0; t < AT_ONCE * KEYS + VF; t += VF) vstore(rows + t, vzero());
    for (size_t p = 0; p < b.count; p++) keys[p].open(b.keys[p], d);
    for (size_t i = 0; i < d; i += AT_ONCE) {
        for (size_t p = 0; p < b.count; p++)
            for (size_t r = 0; r < AT_ONCE; r += 2) {
                float* const to = rows + r * KEYS + p * PAGE;
                vf v[2 * PAGEV];
                keys[p].two(i + r, v);
                GK_UNROLL(16) for (size_t j = 0; j < PAGEV; j++) {
                    vstore(to + j * VF, v[j]);
                    vstore(to + KEYS + j * VF, v[PAGEV + j]);
                }
            }
        for (size_t r = 0; r < AT_ONCE; r++) pack_row(rows + r * KEYS, i + r, d, KEYS, panels);
    }
}
inline void pack_block_keys(const CacheBlock& b, size_t d, float* panels) {
    switch (b.key_type) {
        case CacheType::f32:  pack_keys<KeyRows<float>>(b, d, panels); return;
        case CacheType::f16:  pack_keys<KeyRows<f16>>(b, d, panels); return;
        case CacheType::bf16: pack_keys<KeyRows<bf16>>(b, d, panels); return;
        case CacheType::Q8_0: pack_keys<KeyCodes>(b, d, panels); return;
    }
}
/// The values of n tokens to panels [n][MR]; are all of them finite?
inline bool pack_values(const CacheBlock& b, CacheType type, size_t n, size_t d, float* rows, float* panels) {
    const size_t ld = value_row(d);
    vf odd[2] = {vzero(), vzero()};
    for (size_t t = 0; t < n; t += AT_ONCE) {
        const size_t count = least(n - t, AT_ONCE);
        for (size_t r = 0; r < count; r++) {
            float* const row = rows + r * ld;
            widen_row(type, b.values[t / PAGE] + (t % PAGE + r) * b.value_stride, d, row);
            size_t j = 0;
            for (; j + 2 * VF <= d; j += 2 * VF) {
                odd[0] = vfma(vload(row + j), vzero(), odd[0]);
                odd[1] = vfma(vload(row + j + VF), vzero(), odd[1]);
            }
            for (; j < d; j += VF) odd[0] = vfma(vload_n(row + j, least(d - j, VF)), vzero(), odd[0]);
        }
        for (size_t r = 0; r < count; r++) pack_row(rows + r * ld, t + r, n, d, panels);
    }
    return !vany(vnan(vadd(odd[0], odd[1])));
}

/// A panel: rows from .. from + count - 1 of those of a head of keys.
struct RowsOfQ { size_t head, from, count; };

template <class E> void pack_queries(const impl::AttentionJob& job, const RowsOfQ& p, float* wide, float* panel) {
    const size_t d = job.kv.head_dim, group = job.heads / job.kv.kv_heads;
    const vf     scale = vset(job.scale);
    for (size_t v = 0; v < NR; v += VF) {
        const size_t n = p.count > v ? least(p.count - v, VF) : 0;
        for (size_t r = 0; r < n; r++) {
            const size_t   row = p.from + v + r, at = row / group * job.heads + p.head * group + row % group;
            const E* const q   = static_cast<const E*>(job.q) + at * d;
            float* const   to  = wide + r * d;
            size_t j = 0;
            for (; j + VF <= d; j += VF) vstore(to + j, vmul(vload(q + j), scale));
            if (j < d) vstore_n(to + j, vmul(vload_n(q + j, d - j), scale), d - j);
        }
        if (n) transpose(wide, d, n, d, panel + v, NR);
        else   for (size_t i = 0; i < d; i++) vstore(panel + i * NR + v, vzero());
    }
}

/// The keys and values of some tokens of a block, packed: keys in panels [d][MR], values in panels [n][MR], `stride`
/// floats apart.
struct PackedBlock {
    const float *keys, *values;
    size_t       from, n, stride;                               // tokens
    bool         finite;                                        // the values, all of them
};
/// The tokens that each lane of a panel sees, from the first of a block; `whole`: each sees all.
struct LanesSee {
    bool  whole;
    float begin[NR], end[NR];
};

/// p v of a lane at a time, for values that are not all finite: one that a lane does not see would make its sums NaN.
GK_NOINLINE void values_by_lane(const PackedBlock& b, const LanesSee& see, const float* p, size_t d, float* sums) {
    const float* panel = b.values;
    for (size_t i = 0, r; i < d; i += r, panel += b.stride) {
        r = tile_rows(d - i);
        for (size_t lane = 0; lane < NR; lane++)
            for (size_t x = 0; x < r; x += VF) {
                const size_t l = least(r - x, VF);
                vf    acc = vzero();
                float now[VF] = {};
                for (size_t t = static_cast<size_t>(see.begin[lane]); t < static_cast<size_t>(see.end[lane]); t++)
                    acc = vfma(vload(panel + t * MR + x), vset(p[t * NR + lane]), acc);
                for (size_t k = 0; k < l; k++) now[k] = sums[(i + x + k) * NR + lane];
                vstore(now, vadd(vload(now), acc));
                for (size_t k = 0; k < l; k++) sums[(i + x + k) * NR + lane] = now[k];
            }
    }
}

/// A panel in its scratch, and what its rows see: the first of them from the first token on, the last up to the last.
struct QueryPanel {
    RowsOfQ    rows;
    impl::Seen seen;
    float      *q, *sums, *largest_score, *sum, *total_largest;
    double     *totals, *total_sum;
    QueryPanel(const impl::AttentionJob& job, const RowsOfQ& r, float* at) : rows(r), seen() {
        const PanelPlaces places(job.kv.head_dim);
        const size_t group = job.heads / job.kv.kv_heads;
        seen = {seen_by(job, r.from / group).begin, seen_by(job, (r.from + r.count - 1) / group).end};
        q = at + places.q;
        sums = at + places.sums;
        totals = reinterpret_cast<double*>(at + places.totals);
        largest_score = at + places.state;
        sum = largest_score + NR;
        total_largest = sum + NR;
        total_sum = reinterpret_cast<double*>(total_largest + NR);
    }
    size_t row(size_t lane) const { return rows.from + least(lane, rows.count - 1); }
};

/// Slopes of the lanes of a panel, and their positions as seen from token `from`: vectors v.
GK_INL void lane_slopes(const impl::AttentionJob& job, const QueryPanel& panel, size_t from, size_t v, vf* slope,
        vf* place) {
    const size_t group = job.heads / job.kv.kv_heads;
    float slopes[VF], places[VF];
    for (size_t l = 0; l < VF; l++) {
        const size_t row = panel.row(v * VF + l);
        slopes[l] = job.slopes[panel.rows.head * group + row % group];
        places[l] = place_of(job, row / group, from);
    }
    *slope = vload(slopes);
    *place = vload(places);
}
/// Scores s[n][NR] that something happens to: shaped, and -inf where they are not seen. m: the largest of each lane.
GK_INL void shape_panel(const impl::AttentionJob& job, const QueryPanel& panel, const PackedBlock& b,
        const LanesSee& see, float* s, vf (&m)[NRV]) {
    const vf none = vset(-impl::infinity);
    vf slope[NRV], place[NRV];
    GK_UNROLL(4) for (size_t v = 0; v < NRV; v++) slope[v] = place[v] = vzero();
    if (job.slopes) for (size_t v = 0; v < NRV; v++) lane_slopes(job, panel, b.from, v, &slope[v], &place[v]);
    for (size_t t = 0; t < b.n; t++) {
        const vf at = vset(static_cast<float>(t));
        GK_UNROLL(4) for (size_t v = 0; v < NRV; v++) {
            float* const to = s + t * NR + v * VF;
            vf x = shaped(job, vload(to), slope[v], vsub(at, place[v]));
            if (!see.whole) {
                x = vselect(vlt(at, vload(see.end + v * VF)), x, none);
                x = vselect(vlt(at, vload(see.begin + v * VF)), none, x);
            }
            vstore(to, x);
            m[v] = vmax(x, m[v]);
        }
    }
}
/// The sum of p[n][NR] for vector v of the lanes: by position in a page, then by halves.
GK_INL vf sum_panel(const float* p, size_t n, size_t v) {
    vf by_place[PAGE];
    for (size_t l = 0; l < PAGE; l++) {
        by_place[l] = vzero();
        for (size_t t = l; t < n; t += PAGE) by_place[l] = vadd(by_place[l], vload(p + t * NR + v * VF));
    }
    for (size_t w = PAGE / 2; w; w /= 2)
        for (size_t l = 0; l < w; l++) by_place[l] = vadd(by_place[l], by_place[l + w]);
    return by_place[0];
}
/// Scores s[n][NR] become p, the state of the panel takes them in; factor: what rescales its sums.
inline void panel_exponentials(const impl::AttentionJob& job, const QueryPanel& panel, const PackedBlock& b,
        const LanesSee& see, float* s, float* factor) {
    vf m[NRV], top[NRV];
    GK_UNROLL(4) for (size_t v = 0; v < NRV; v++) m[v] = vset(-impl::infinity);
    if (!see.whole || job.slopes || job.softcap > 0) {
        shape_panel(job, panel, b, see, s, m);
    } else {
        for (size_t t = 0; t < b.n; t++)
            GK_UNROLL(4) for (size_t v = 0; v < NRV; v++) m[v] = vmax(vload(s + t * NR + v * VF), m[v]);
    }
    GK_UNROLL(4) for (size_t v = 0; v < NRV; v++) {
        const vf old = vload(panel.largest_score + v * VF), most = vmax(m[v], old);
        top[v] = top_of(most);
        vstore(panel.largest_score + v * VF, most);
        vstore(factor + v * VF, vexp(vsub(old, top[v])));
    }
    for (size_t t = 0; t < b.n; t++)
        GK_UNROLL(4) for (size_t v = 0; v < NRV; v++) {
            float* const to = s + t * NR + v * VF;
            vstore(to, vexp(vsub(vload(to), top[v])));
        }
    for (size_t v = 0; v < NRV; v++) {
        float* const sum = panel.sum + v * VF;
        vstore(sum, vadd(vmul(vload(sum), vload(factor + v * VF)), sum_panel(s, b.n, v)));
    }
}

/// Of n tokens from `from` on.
inline LanesSee lanes_see(const impl::AttentionJob& job, const QueryPanel& panel, size_t from, size_t n) {
    const size_t     group = job.heads / job.kv.kv_heads, to = from + n;
    const impl::Seen by_all = {seen_by(job, panel.row(NR) / group).begin, seen_by(job, panel.row(0) / group).end};
    const impl::Seen least_seen = seen_in(by_all, from, to);
    LanesSee see;
    see.whole = least_seen.begin == from && least_seen.end == to;
    for (size_t lane = 0; !see.whole && lane < NR; lane++) {
        const impl::Seen seen = seen_in(seen_by(job, panel.row(lane) / group), from, to);
        see.begin[lane] = static_cast<float>(seen.begin - from);
        see.end[lane]   = static_cast<float>(seen.end > seen.begin ? seen.end - from : seen.begin - from);
    }
    return see;
}

/// A panel against tokens of a block; s: room for scores.
inline void panel_block(const impl::AttentionJob& job, const QueryPanel& panel, const PackedBlock& b, float* s) {
    const size_t d = job.kv.head_dim, n = b.n;
    const impl::Ahead nothing = {nullptr, 0, 0};
    for (size_t t = 0; t < n; t += MR)
        packed_tile({d, b.keys + t * d, 1, MR, panel.q, NR, s + t * NR, NR, false, 0}, MR, NR, nothing, nothing);
    const LanesSee see = lanes_see(job, panel, b.from, n);
    float factor[NR];
    panel_exponentials(job, panel, b, see, s, factor);
    for (size_t i = 0; i < d; i++)
        GK_UNROLL(4) for (size_t v = 0; v < NR; v += VF) {
            float* const to = panel.sums + i * NR + v;
            vstore(to, vmul(vload(to), vload(factor + v)));
        }
    if (!see.whole && !b.finite) { values_by_lane(b, see, s, d, panel.sums); return; }
    const float* values = b.values;
    for (size_t i = 0, r; i < d; i += r, values += b.stride) {
        r = tile_rows(d - i);
        packed_tile({n, values, 1, MR, s, NR, panel.sums + i * NR, NR, true, 0}, r, NR, nothing, nothing);
    }
}

GK_INL void begin_piece(const QueryPanel& p, size_t d) {
    for (size_t i = 0; i < d * NR; i += VF) vstore(p.sums + i, vzero());
    for (size_t v = 0; v < NR; v += VF) {
        vstore(p.largest_score + v, vset(-impl::infinity));
        vstore(p.sum + v, vzero());
    }
}
inline void end_piece(const QueryPanel& p, size_t d) {
    float  factors[2][NR];
    double a[NR], b[NR];
    for (size_t v = 0; v < NR; v += VF) {
        const vf m = vload(p.largest_score + v), old = vload(p.total_largest + v);
        const vf most = vmax(m, old), top = top_of(most);
        vstore(factors[0] + v, vexp(vsub(old, top)));
        vstore(factors[1] + v, vexp(vsub(m, top)));
        vstore(p.total_largest + v, most);
    }
    for (size_t l = 0; l < NR; l++) {
        a[l] = static_cast<double>(factors[0][l]);
        b[l] = static_cast<double>(factors[1][l]);
        p.total_sum[l] = p.total_sum[l] * a[l] + static_cast<double>(p.sum[l]) * b[l];
    }
    for (size_t i = 0; i < d; i++)
        for (size_t l = 0; l < NR; l += 4) join4(p.totals + i * NR + l, p.sums + i * NR + l, a + l, b + l);
}

/// The panels of a unit, of one head of keys, and the scratch of the thread.
struct PanelUnit {
    const impl::AttentionJob& job;
    size_t                    head, first, rows, panels;        // rows of q
    float*                    scratch;
    ManyPlaces                places;
    PanelUnit(const impl::AttentionJob& j, size_t h, size_t unit, float* s)
        : job(j), head(h), first(unit * j.panels * NR),
          rows(least(j.m * (j.heads / j.kv.kv_heads) - first, j.panels * NR)), panels((rows + NR - 1) / NR), scratch(s),
          places(j.kv) {}
    QueryPanel panel(size_t p) const {
        const size_t each = round_up(PanelPlaces(job.kv.head_dim).floats, 16);
        return QueryPanel(job, {head, first + p * NR, least(rows - p * NR, NR)}, scratch + places.panels + p * each);
    }
};

/// Rows of q to panels, and what they begin with. The tokens that any of them sees.
template <class E> impl::Seen begin_panels(const PanelUnit& u) {
    const impl::AttentionJob& job = u.job;
    const size_t d = job.kv.head_dim, group = job.heads / job.kv.kv_heads;
    impl::Seen all = {SIZE_MAX, 0};
    for (size_t p = 0; p < u.panels; p++) {
        const QueryPanel panel = u.panel(p);
        pack_queries<E>(job, panel.rows, u.scratch + u.places.values, panel.q);
        for (size_t l = 0; l < NR; l++) {
            const size_t h = u.head * group + panel.row(l) % group;
            panel.total_largest[l] = job.sinks ? job.sinks[h] : -impl::infinity;
            panel.total_sum[l]     = sink_sum(job.sinks, h);
        }
        for (size_t i = 0; i < d * NR; i++) panel.totals[i] = 0;
        if (panel.seen.begin >= panel.seen.end) continue;
        all.begin = least(all.begin, panel.seen.begin);
        all.end   = panel.seen.end;
    }
    return all;
}
/// All panels against the tokens of a piece.
inline void panels_piece(const PanelUnit& u, const impl::Seen& piece) {
    const KvView& kv = u.job.kv;
    const size_t  d  = kv.head_dim;
    float *const  keys = u.scratch + u.places.keys, *const values = u.scratch + u.places.values;
    for (size_t p = 0; p < u.panels; p++) begin_piece(u.panel(p), d);
    for (size_t from = piece.begin / KEYS * KEYS; from < piece.end; from += KEYS) {
        const size_t     n = least(from + KEYS, piece.end) - from, pages = (n + PAGE - 1) / PAGE;
        const CacheBlock b = cache_block(kv, u.head, from / PAGE, pages, u.scratch + u.places.turned);
        pack_block_keys(b, d, keys);
        const bool finite = pack_values(b, kv.values.type, n, d, u.scratch + u.places.rows, values);
        for (size_t p = 0; p < u.panels; p++) {
            const QueryPanel panel = u.panel(p);
            const impl::Seen seen  = seen_in(panel.seen, from, from + n);
            if (seen.begin >= seen.end) continue;
            const PackedBlock packed = {keys, values, from, seen.end - from, MR * n, finite};
            panel_block(u.job, panel, packed, u.scratch + u.places.scores);
        }
    }
    for (size_t p = 0; p < u.panels; p++) {
        const QueryPanel panel = u.panel(p);
        const impl::Seen seen  = seen_in(panel.seen, piece.begin, piece.end);
        if (seen.begin < seen.end) end_piece(panel, d);
    }
}
/// Results of a panel, turned to rows of out; rows: room for them.
template <class E> void end_panel(const impl::AttentionJob& job, const QueryPanel& panel, float* rows) {
    const size_t d = job.kv.head_dim, ld = round_up(d, PAGE), group = job.heads / job.kv.kv_heads;
    double inverse[NR];
    for (size_t l = 0; l < NR; l++) inverse[l] = 1 / panel.total_sum[l];
    for (size_t i = 0; i < d; i++)
        for (size_t l = 0; l < NR; l++) {
            const float y = quotient(panel.totals[i * NR + l], inverse[l]);
            panel.sums[i * NR + l] = panel.total_sum[l] == 0 ? 0 : y;
        }
    transpose(static_cast<const float*>(panel.sums), NR, d, panel.rows.count, rows, ld);
    for (size_t l = 0; l < panel.rows.count; l++) {
        const size_t row = panel.row(l), at = row / group * job.heads + panel.rows.head * group + row % group;
        convert(static_cast<const float*>(rows + l * ld), static_cast<E*>(job.out) + at * d, d);
    }
}

/// Rows of a head of keys, as many panels as job.panels says.
template <class E> void many_unit(const impl::AttentionJob& job, size_t head, size_t unit, float* scratch) {
    const PanelUnit  u(job, head, unit, scratch);
    const impl::Seen all = begin_panels<E>(u);
    for (size_t base = all.begin / PIECE * PIECE; base < all.end; base += PIECE)
        panels_piece(u, seen_in(all, base, base + PIECE));
    for (size_t p = 0; p < u.panels; p++) end_panel<E>(job, u.panel(p), scratch + u.places.values);
}

template <class E> constexpr impl::AttentionKernels attention_table = {
    PIECE, NR, &few_parts, &few_scratch, &few_inputs<E>, &few_units, &few_outputs<E>, &many_scratch, &many_unit<E>};

#else
template <class E> constexpr impl::AttentionKernels attention_table = {};
#endif // GK_HAS_ATTENTION

#endif // !GK_FEATURE

// ============================================================================
// [15] INTEGER PRODUCTS, AND THE FEATURES THAT SPEED THEM UP
// ============================================================================
//
// This section is compiled for the instruction set and once more for each feature with a dot product of bytes, in a
// namespace of its own.

#define GK_PANELS (GK_FEATURE || GK_PASS == GK_AVX2)      // of codes

namespace GK_FEATURE_NS {

// ---- dots of bytes ------------------------------------------------------------
//
//   sum_quads<D>(c, x, s): for each four signed bytes of c, their sum times the four integers of D digits at x, 256
//   bytes apart; s as prepared | spread<q>(v): lane l is element (q VF + l) / 4 of v
//
//   vq: QV columns of four bytes of w, or of their sums | qload qset | qdot(acc, w, x): acc + w times the four bytes x,
//   column by column | qcodes(acc, w, x): the same with x a vector, of bytes + FLIP_X, and |w| <= LARGEST_CODE as it is
//   QR x QN: a tile of rows of x and columns of w | FLIP: 128 if w is stored as w + 128, unsigned, else 0
//   FLIP_X: so is x | qbytes(q, s): bits s .. s + 7 of 32 integers

#if GK_PASS == GK_AVX2 || GK_PASS == GK_AVX512
GK_INL __m256i dot_quads(__m256i w, __m256i q) {   // |w| <= 128 and |q| <= 127: two products fit 16 bits
    const __m256i a = _mm256_abs_epi8(w), b = _mm256_sign_epi8(q, w);
#if GK_FEATURE == GK_AVXVNNI
    return _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), a, b);
#else
    return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
#endif
}
#if !GK_FEATURE
/// Digits to base 128: |c| <= 128 times two of 0 .. 127 fit 16 bits, as do two of -127 .. 127 under |c|.
template <size_t D> GK_INL __m256i sum_quads256(const int8_t* codes, const uint8_t* x) {
    const __m256i c = bload(codes), top = _mm256_maddubs_epi16(_mm256_abs_epi8(c), _mm256_sign_epi8(bload(x), c));
    __m256i t = _mm256_madd_epi16(top, _mm256_set1_epi16(D == 1 ? 1 : D == 2 ? 128 : 16384));
    for (size_t d = 1; d < D; d++) {
        const __m256i pairs = _mm256_maddubs_epi16(bload(x + 256 * d), c);
        t = _mm256_add_epi32(t, _mm256_madd_epi16(pairs, _mm256_set1_epi16(D - d == 2 ? 128 : 1)));
    }
    return t;
}
#endif
/// For each four of 32 integers minus their sum, as 512 high + low, high in the upper half.
GK_INL __m256i minus_quads(const int32_t* q) {
    const __m256i a = _mm256_hadd_epi32(bload(q), bload(q + 8)), b = _mm256_hadd_epi32(bload(q + 16), bload(q + 24));
    const __m256i s = _mm256_permutevar8x32_epi32(_mm256_hadd_epi32(a, b), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const __m256i n = _mm256_sub_epi32(_mm256_setzero_si256(), s), low = _mm256_and_si256(n, _mm256_set1_epi32(511));
    return _mm256_or_si256(low, _mm256_slli_epi32(_mm256_srai_epi32(n, 9), 16));
}
#if GK_PASS == GK_AVX512
#if GK_FEATURE
/// out[h], lane l = 4 of 256 codes, from 16 (4 (l % 4) + l / 4) + 4 h on: a lane has 16 in a row of them.
GK_INL void by_lanes(const void* codes, vi (&out)[4]) {
    vi v[4];
    GK_UNROLL(4) for (size_t i = 0; i < 4; i++) v[i] = viload(static_cast<const uint8_t*>(codes) + 64 * i);
    const vi a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
    const vi c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
    out[0] = _mm512_unpacklo_epi64(a, c);
    out[1] = _mm512_unpackhi_epi64(a, c);
    out[2] = _mm512_unpacklo_epi64(b, d);
    out[3] = _mm512_unpackhi_epi64(b, d);
}
/// For each lane the sum of its 16 codes times the integers of D digits at x; `total` are the sums of these integers.
template <size_t D> GK_INL vi sum_lanes(const vi (&codes)[4], const uint8_t* x, vi total) {
    vi t = _mm512_setzero_si512();
    GK_UNROLL(3) for (size_t d = 0; d < D; d++) {
        t = _mm512_slli_epi32(t, 8);
        GK_UNROLL(4) for (size_t h = 0; h < 4; h++) {
            const __m512i w = _mm512_xor_si512(codes[h], _mm512_set1_epi8(-128));
            t = _mm512_dpbusd_epi32(t, w, viload(x + 256 * d + 64 * h));
        }
    }
    return _mm512_sub_epi32(t, _mm512_slli_epi32(total, 7));
}
/// Minus sums of integers, in halves: of one digit as they are, below 2^15; else low + 1024 high, high in the upper
/// half.
template <size_t D> GK_INL vi minus_lanes(vi total) {
    const vi n = _mm512_sub_epi32(_mm512_setzero_si512(), total), low = _mm512_and_si512(n, _mm512_set1_epi32(1023));
    return D == 1 ? n : _mm512_or_si512(low, _mm512_slli_epi32(_mm512_srai_epi32(n, 10), 16));
}
/// In the order of lanes.
GK_INL vf lanes_of(vf v) {
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
}
#else
template <size_t D> GK_INL vi sum_quads(const int8_t* codes, const uint8_t* x, const uint8_t*) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(sum_quads256<D>(codes, x)),
                              sum_quads256<D>(codes + 32, x + 32), 1);
}
#endif
template <int q> GK_INL vf spread(vf v) {
    const __m512i quarter = _mm512_setr_epi32(4 * q,     4 * q,     4 * q,     4 * q,
                                              4 * q + 1, 4 * q + 1, 4 * q + 1, 4 * q + 1,
                                              4 * q + 2, 4 * q + 2, 4 * q + 2, 4 * q + 2,
                                              4 * q + 3, 4 * q + 3, 4 * q + 3, 4 * q + 3);
    return _mm512_permutexvar_ps(quarter, v);
}
#else
#if GK_FEATURE
template <size_t D> GK_INL vi sum_quads(const int8_t* codes, const uint8_t* x, const uint8_t* start) {
    const __m256i c = bload(codes);
    __m256i t = _mm256_dpbusd_avx_epi32(bload(start), _mm256_xor_si256(c, _mm256_set1_epi8(-128)), bload(x));
    for (size_t d = 1; d < D; d++) t = _mm256_dpbusd_avx_epi32(_mm256_slli_epi32(t, 8), bload(x + 256 * d), c);
    return t;
}
#else
template <size_t D> GK_INL vi sum_quads(const int8_t* codes, const uint8_t* x, const uint8_t*) {
    return sum_quads256<D>(codes, x);
}
#endif
template <int q> GK_INL vf spread(vf v) {
    const __m256i quarter = _mm256_setr_epi32(2 * q,     2 * q,     2 * q,     2 * q,
                                              2 * q + 1, 2 * q + 1, 2 * q + 1, 2 * q + 1);
    return _mm256_permutevar8x32_ps(v, quarter);
}
#endif

GK_INL __m256i qbyte(const int32_t* q, int shift) {
    return _mm256_and_si256(_mm256_srl_epi32(bload(q), _mm_cvtsi32_si128(shift)), _mm256_set1_epi32(255));
}
GK_INL vb    qbytes(const int32_t* q, int shift) {
    const __m256i lo = _mm256_packus_epi32(qbyte(q, shift), qbyte(q + 8, shift));
    const __m256i hi = _mm256_packus_epi32(qbyte(q + 16, shift), qbyte(q + 24, shift));
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(lo, hi), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
#if GK_FEATURE == GK_AVX512VNNI
using vq = __m512i;
constexpr size_t QV = 16, QR = 7, QN = 32;
constexpr int    FLIP = 128, FLIP_X = 128, LARGEST_CODE = 128;
GK_INL vq    qload(const uint8_t* p)               { return _mm512_loadu_si512(p); }
GK_INL vq    qset(int32_t x)                       { return _mm512_set1_epi32(x); }
GK_INL vq    qdot(vq acc, vq w, int32_t x)         { return _mm512_dpbusd_epi32(acc, w, qset(x)); }
GK_INL vq    qcodes(vq acc, vq w, vq x)            { return _mm512_dpbusd_epi32(acc, x, w); }
GK_INL void qfma(float* t, vq n, float s) {
    _mm512_storeu_ps(t, _mm512_fmadd_ps(_mm512_cvtepi32_ps(n), _mm512_set1_ps(s), _mm512_loadu_ps(t)));
}
#else
using vq = __m256i;
constexpr size_t QV = 8, QR = 6, QN = 16;
GK_INL vq    qload(const uint8_t* p)               { return bload(p); }
GK_INL vq    qset(int32_t x)                       { return _mm256_set1_epi32(x); }
GK_INL void qfma(float* t, vq n, float s) {
    _mm256_storeu_ps(t, _mm256_fmadd_ps(_mm256_cvtepi32_ps(n), _mm256_set1_ps(s), _mm256_loadu_ps(t)));
}
#if GK_FEATURE == GK_AVXVNNI
constexpr int    FLIP = 128, FLIP_X = 128, LARGEST_CODE = 128;
GK_INL vq    qdot(vq acc, vq w, int32_t x)         { return _mm256_dpbusd_avx_epi32(acc, w, qset(x)); }
GK_INL vq    qcodes(vq acc, vq w, vq x)            { return _mm256_dpbusd_avx_epi32(acc, x, w); }
#else
constexpr int    FLIP = 0, FLIP_X = 128, LARGEST_CODE = 64;     // two products of x with a code fit 16 bits
GK_INL vq    qdot(vq acc, vq w, int32_t x)         { return _mm256_add_epi32(acc, dot_quads(w, qset(x))); }
GK_INL vq    qcodes(vq acc, vq w, vq x) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), _mm256_set1_epi16(1)));
}
#endif
#endif

#elif GK_PASS == GK_NEON
GK_INL vi    dot16(int8x16_t a, int8x16_t b) {     // |a| <= 128 and |b| <= 127: two products fit 16 bits
#if GK_FEATURE >= GK_DOTPROD
    return vdotq_s32(vdupq_n_s32(0), a, b);
#else
    return vpaddlq_s16(vmlal_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vget_high_s8(a), vget_high_s8(b)));
#endif
}
template <size_t D> GK_INL vi sum_quads(const int8_t* codes, const uint8_t* x, const uint8_t*) {
    const int8x16_t c = vld1q_s8(codes);
    vi t = dot16(c, vreinterpretq_s8_u8(vld1q_u8(x)));
    for (size_t d = 1; d < D; d++) {
        const int8x16_t digit = vreinterpretq_s8_u8(vld1q_u8(x + 256 * d));
#if GK_FEATURE >= GK_DOTPROD
        t = vdotq_s32(vshlq_n_s32(t, 7), c, digit);
#else
        t = vaddq_s32(vshlq_n_s32(t, 7), dot16(c, digit));
#endif
    }
    return t;
}
template <int q> GK_INL vf spread(vf v)            { return vdupq_n_f32(vgetq_lane_f32(v, q)); }

GK_INL uint16x4_t qbyte(const int32_t* q, int shift) {
    return vmovn_u32(vshlq_u32(vreinterpretq_u32_s32(vld1q_s32(q)), vdupq_n_s32(-shift)));
}
GK_INL uint8x8_t  qbyte8(const int32_t* q, int shift) {
    return vmovn_u16(vcombine_u16(qbyte(q, shift), qbyte(q + 4, shift)));
}
GK_INL vb    qbytes(const int32_t* q, int shift) {
    return {vcombine_u8(qbyte8(q, shift), qbyte8(q + 8, shift)),
            vcombine_u8(qbyte8(q + 16, shift), qbyte8(q + 24, shift))};
}
using vq = int32x4_t;
constexpr int    FLIP = 0, FLIP_X = 0, LARGEST_CODE = 128;
#if GK_FEATURE >= GK_DOTPROD
constexpr size_t QV = 4, QR = 8, QN = 12;
#else
constexpr size_t QV = 4, QR = 4, QN = 8;
#endif
GK_INL vq    qload(const uint8_t* p)               { return vreinterpretq_s32_u8(vld1q_u8(p)); }
GK_INL vq    qset(int32_t x)                       { return vdupq_n_s32(x); }
#if GK_FEATURE
GK_INL vq qcodes(vq acc, vq w, vq x) {
    return vdotq_s32(acc, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x));
}
#endif
GK_INL vq    qdot(vq acc, vq w, int32_t x) {
    const int8x16_t a = vreinterpretq_s8_s32(w), b = vreinterpretq_s8_s32(qset(x));
#if GK_FEATURE >= GK_DOTPROD
    return vdotq_s32(acc, a, b);
#else
    const int32x4_t lo = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    const int32x4_t hi = vpaddlq_s16(vmull_s8(vget_high_s8(a), vget_high_s8(b)));
    const int32x2_t sum_lo = vpadd_s32(vget_low_s32(lo), vget_high_s32(lo));
    const int32x2_t sum_hi = vpadd_s32(vget_low_s32(hi), vget_high_s32(hi));
    return vaddq_s32(acc, vcombine_s32(sum_lo, sum_hi));
#endif
}
GK_INL void  qfma(float* t, vq n, float s)         { vstore(t, vfma(vcvtq_f32_s32(n), vset(s), vload(t))); }
#endif

#if GK_FEATURE == GK_I8MM
/// n[r][c] += products of R rows of x and columns of codes, four k `quads` times, eight of a row or column together.
template <size_t R, size_t C>
GK_INL void group_products(const uint8_t* x, const uint8_t* codes, size_t quads, vq (&n)[R][C]) {
    int32x4_t pair[(R + 1) / 2][2 * C];                         // two rows by two columns
    GK_UNROLL(4) for (size_t p = 0; p < (R + 1) / 2; p++)
        GK_UNROLL(6) for (size_t c = 0; c < 2 * C; c++) pair[p][c] = vdupq_n_s32(0);
    for (size_t u = 0; u < quads; u += 2, x += 8 * R, codes += 8 * QN)
        GK_UNROLL(4) for (size_t p = 0; p < (R + 1) / 2; p++) {
            const uint8x8_t first = vld1_u8(x + 16 * p);
            const uint8x8_t last  = 2 * p + 1 < R ? vld1_u8(x + 16 * p + 8) : vdup_n_u8(0);
            const int8x16_t rows  = vreinterpretq_s8_u8(vcombine_u8(first, last));
            GK_UNROLL(6) for (size_t c = 0; c < 2 * C; c++)
                pair[p][c] = vmmlaq_s32(pair[p][c], rows, vreinterpretq_s8_u8(vld1q_u8(codes + 16 * c)));
        }
    GK_UNROLL(8) for (size_t r = 0; r < R; r++)
        GK_UNROLL(4) for (size_t c = 0; c < C; c++) {
            const int32x4_t a = pair[r / 2][2 * c], b = pair[r / 2][2 * c + 1];
            n[r][c] = viadd(n[r][c], r % 2 ? vcombine_s32(vget_high_s32(a), vget_high_s32(b))
                                           : vcombine_s32(vget_low_s32(a), vget_low_s32(b)));
        }
}
#endif

// ---- x in fixed point, where bytes are multiplied by a unit for it ---------------

#if GK_PANELS
/// The largest magnitudes of up to VF groups of 32; NaN if one is.
GK_INL vf maxima_of_32(const float* x, size_t groups) {
    vf m[VF];
    for (size_t g = 0; g < VF; g++) {
        m[g] = vzero();
        for (size_t j = 0; g < groups && j < 32; j += VF) m[g] = larger{}(vabs(vload(x + 32 * g + j)), m[g]);
    }
    vtranspose(m);
    for (size_t g = 1; g < VF; g++) m[0] = larger{}(m[g], m[0]);
    return m[0];
}
/// 32 of x times per_step as digits to base 256, from the highest, to planes of bytes plus FLIP_X.
GK_INL void take_digits(const float* x, float per_step, size_t digits, uint8_t* out, size_t plane) {
#if GK_PASS == GK_AVX512           // in each four, bytes of the same rank together: then those of eight fours
    const __m512i fours = _mm512_broadcast_i32x4(_mm_setr_epi8(2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, 3, 7, 11, 15));
    const __m512i places = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    const __m512i low = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m512i bias = _mm512_set1_epi32(0x808080);
    const vf      s = vset(per_step);
    const __m512i a = _mm512_shuffle_epi8(viadd(vint(vround(vmul(vload(x), s))), bias), fours);
    const __m512i b = _mm512_shuffle_epi8(viadd(vint(vround(vmul(vload(x + 16), s))), bias), fours);
    const __m256i last = _mm512_castsi512_si256(_mm512_permutex2var_epi32(a, low, b));
    if (digits == 3) {
        const __m512i upper = _mm512_permutex2var_epi32(a, places, b);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_castsi512_si256(upper));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + plane), _mm512_extracti64x4_epi64(upper, 1));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + (digits - 1) * plane), last);
#else
    int32_t q[32];
    to_digits(x, 32, per_step, q);
    for (size_t i = 0; i < digits; i++) {
        const vb bytes = bxor(qbytes(q, 8 * static_cast<int>(digits - 1 - i)), bset(128 - FLIP_X));
        memcpy(out + i * plane, &bytes, 32);
    }
#endif
}

GK_INL size_t panels_of_x(size_t m)                { return (m + QR - 1) / QR; }
/// The first row of panel p of x.
GK_INL size_t panel_row(size_t m, size_t p) {
    const size_t n = panels_of_x(m);
    return p * (m / n) + least(p, m % n);
}
#endif

// ---- products by codes ----------------------------------------------------------
//
// Few rows of x: rows of W become blocks of codes, so many at a time that they stay in L1, and are multiplied with x in
// fixed point. Each group of 32 of x becomes integers X of one or three digits, x = d X with d = max |x| / FULL: one
// rounds to 8 bits, three keep 21, or 23 on AVX-VNNI. For 256 of x, in their order:
//
//   uint8 digit[D][256]         from the highest, which is signed; the others are not
//   int16 minus[64][2]          on x86: minus[0] + 512 minus[1] = -sum X of four; times (z, 512 z), what an offset of z
//                               takes from unsigned codes
//   int32 start[64]             if FLIP: -128 sum of the highest digits of four, as codes are taken as code + 128 there
//   float scale[16], sum[16]    d, and d sum X, of 16 each
//
// or, for AVX-512 VNNI, by lanes: a lane has 16 in a row, so that its sums are of one scale and need but one conversion
//
//   int8  digit[D][4][16][4]    from the highest, to base 256; of lane l four from 16 (4 (l % 4) + l / 4) + 4 h on,
//                               h = 0 .. 3
//   int32 total[16]             sum X, of which codes + 128, or another offset, take 128 back
//   float scale[16], sum[16]    d, and d sum X
//   int16 minus[16][2]          minus[0] + 1024 minus[1] = -sum X; times (z, 1024 z), for z up to 31. Of one digit
//                               minus[0] alone is -sum X
//
// and behind all of them a byte for each 256: its groups that have no fixed point, which are zeros above; these, and
// blocks of weights whose scales are too wide, are multiplied as floats and added in double.
//
// Sums of four, or by lanes of 16, code X are exact: 4 . 128 FULL < 2^31, or 16 . 128 FULL. To the bound, in u of max
// |x| sum |w|: half a step of X 8, rounding to it 2, d 1. Then for scale code, at most 2 |w|, a sum to f32 1, scale d
// 1; for rest, at most |w|, sum X 5, d 1, the product with it 1; for both a chain of 20, 16 of these, lanes 4 and the
// result 1: 11 + 2 . 43 + 48 = 145 at most, and by lanes, with a chain of 32, less; every 4096 of k are added in
// double.

#if GK_PASS != GK_SCALAR

constexpr int    BASE = FLIP ? 8 : 7;                           // bits of a digit
constexpr size_t MINUS = GK_PASS == GK_NEON ? 0 : 256;           // bytes
#if GK_FEATURE == GK_AVX512VNNI
constexpr size_t code_x_bytes(size_t digits)       { return digits * 256 + 64 + 128 + 64; }
#else
constexpr size_t code_x_bytes(size_t digits)       { return digits * 256 + MINUS + (FLIP ? 256 : 0) + 128; }
#endif

size_t prepared_bytes(size_t k, size_t digits) {
    const size_t blocks = (k + 255) / 256;
    return round_up(blocks * code_x_bytes(digits) + blocks, 64);
}

/// 256 of x to a block, by the largest magnitudes of groups of 32.
#if GK_FEATURE == GK_AVX512VNNI
template <size_t D> GK_INL void prepare_block(const float* x, const float (&max)[8], uint8_t* block) {
    constexpr float full = D == 1 ? 127.0f : 63.0f * (1 << 14);
    uint8_t digit[D][256];
    float   d[16];
    for (size_t g = 0; g < 8; g++) {
        take_digits(x + 32 * g, max[g] == 0 ? 0 : full / max[g], D, digit[0] + 32 * g, 256);
        d[2 * g] = d[2 * g + 1] = max[g] / full;
    }
    vi total = viset(0);
    for (size_t i = 0; i < D; i++) {
        vi v[4];
        by_lanes(digit[i], v);
        total = vishl(total, 8);
        GK_UNROLL(4) for (size_t h = 0; h < 4; h++) {
            v[h]  = _mm512_xor_si512(v[h], _mm512_set1_epi8(-128));
            total = _mm512_dpbusd_epi32(total, _mm512_set1_epi8(1), v[h]);
            memcpy(block + 256 * i + 64 * h, &v[h], 64);
        }
    }
    float* const scale = reinterpret_cast<float*>(block + 256 * D + 64);
    memcpy(block + 256 * D, &total, 64);
    vstore(scale, lanes_of(vload(d)));
    vstore(scale + 16, vmul(vload(scale), vfloat(total)));
    const vi minus = minus_lanes<D>(total);
    memcpy(block + 256 * D + 192, &minus, 64);
}
#else
template <size_t D> GK_INL void prepare_group(const float* x, float per_step, float d, size_t g, uint8_t* block) {
    int32_t q[32];
    vf sum[2] = {vzero(), vzero()};
    GK_UNROLL(8) for (size_t j = 0; j < 32; j += VF) {
        const vf v = vround(vmul(vload(x + j), vset(per_step)));
        const vi i = vint(v);
        memcpy(q + j, &i, sizeof i);
        sum[j / 16] = vadd(sum[j / 16], v);
    }
    float* const scale = reinterpret_cast<float*>(block + code_x_bytes(D) - 128) + 2 * g;
    for (size_t h = 0; h < 2; h++) { scale[h] = d; scale[16 + h] = d * vsum(sum[h]); }
    for (size_t i = 0; i < D; i++) {
        const int shift = BASE * static_cast<int>(D - 1 - i);
        const vb  bytes = i == 0 || BASE == 8 ? qbytes(q, shift) : band(qbytes(q, shift), bset(127));
        memcpy(block + 256 * i + 32 * g, &bytes, 32);
    }
#if GK_PASS != GK_NEON
    const __m256i minus = minus_quads(q), start = dot_quads(bset(-128), bload(block + 32 * g));
    memcpy(block + 256 * D + 32 * g, &minus, 32);
    if (FLIP) memcpy(block + 256 * D + MINUS + 32 * g, &start, 32);
#endif
}
template <size_t D> GK_INL void prepare_block(const float* x, const float (&max)[8], uint8_t* block) {
    constexpr float full = D == 1 ? 127.0f : 63.0f * (1 << (BASE * 2));
    for (size_t g = 0; g < 8; g++)
        prepare_group<D>(x + 32 * g, max[g] == 0 ? 0 : full / max[g], max[g] / full, g, block);
}
#endif
/// The largest magnitudes of groups of 32; NaN if one is.
GK_INL void maxima_of_256(const float* x, float (&max)[8]) {
#if GK_FEATURE
    for (size_t g = 0; g < 8; g += VF) {
        const vf v = maxima_of_32(x + 32 * g, least(8, VF));
        memcpy(max + g, &v, least(8, VF) * sizeof(float));
    }
#else
    for (size_t g = 0; g < 8; g++) max[g] = group_maximum(x + 32 * g, 32);
#endif
}
/// Groups that have no fixed point are zeros.
template <size_t D> void prepare_digits(const float* x, size_t k, uint8_t* prepared) {
    uint8_t* odd = prepared + (k + 255) / 256 * code_x_bytes(D);
    for (size_t p = 0; p < k; p += 256, x += 256, prepared += code_x_bytes(D), odd++) {
        const float* from = x;
        float        part[256], max[8];
        unsigned     groups = 0;
        if (k - p >= 256) {
            maxima_of_256(x, max);
        } else {
            for (size_t g = 0; g < 8; g++)
                max[g] = 32 * g < k - p ? group_maximum(x + 32 * g, least(k - p - 32 * g, 32)) : 0;
        }
        for (size_t g = 0; g < 8; g++)
            if (!(max[g] >= 0x1p-60f && max[g] <= 0x1p60f) && max[g] != 0) groups |= 1u << g;
        if (groups || k - p < 256) {
            memset(part, 0, sizeof part);
            for (size_t g = 0; 32 * g < k - p && g < 8; g++)
                if (groups >> g & 1) max[g] = 0;
                else                 impl::copy_few(part + 32 * g, x + 32 * g, least(k - p - 32 * g, 32));
            from = part;
        }
        prepare_block<D>(from, max, prepared);
        *odd = static_cast<uint8_t>(groups);
    }
}
void prepare(const float* x, size_t k, size_t digits, uint8_t* prepared) {
    if (digits == 1) prepare_digits<1>(x, k, prepared);
    else             prepare_digits<3>(x, k, prepared);
}

/// R rows of codes, CODE_RUN blocks apart, and their sums by lanes, of chains of so many blocks.
#if GK_FEATURE == GK_AVX512VNNI
template <size_t D, size_t R> struct CodeTile {
    static constexpr size_t chain = 16;
    vf sum[R];

    GK_MEM void block(const impl::CodeBlock* w, const uint8_t* x) {
        const vi           total  = viload(x + 256 * D);
        const float* const scales = reinterpret_cast<const float*>(x + 256 * D + 64);
        GK_UNROLL(4) for (size_t r = 0; r < R; r++) {
            const impl::CodeBlock& b = w[r * impl::CODE_RUN];
            vi codes[4];
            by_lanes(b.code, codes);
            sum[r] = vfma(lanes_of(vload(b.rest)), vload(scales + 16), sum[r]);
            sum[r] = vfma(vfloat(sum_lanes<D>(codes, x, total)), vmul(lanes_of(vload(b.scale)), vload(scales)), sum[r]);
        }
    }
};
#else
template <size_t D, size_t R> struct CodeTile {
    static constexpr size_t chain = VF / 4;
    vf sum[R], scale[R];

    template <int q> GK_MEM void step(const impl::CodeBlock* w, const uint8_t* x, size_t j) {
        const size_t at = (4 * j + q) * 4 * VF;
        GK_UNROLL(4) for (size_t r = 0; r < R; r++) {
            const vi t = sum_quads<D>(w[r * impl::CODE_RUN].code + at, x + at, x + 256 * D + MINUS + at);
            sum[r] = vfma(vfloat(t), spread<q>(scale[r]), sum[r]);
        }
    }
    GK_MEM void block(const impl::CodeBlock* w, const uint8_t* x) {
        const float* const scales = reinterpret_cast<const float*>(x + code_x_bytes(D) - 128);
        GK_UNROLL(4) for (size_t j = 0; j < 16 / VF; j++) {
            GK_UNROLL(4) for (size_t r = 0; r < R; r++) {
                const impl::CodeBlock& b = w[r * impl::CODE_RUN];
                scale[r] = vmul(vload(b.scale + j * VF), vload(scales + j * VF));
                sum[r]   = vfma(vload(b.rest + j * VF), vload(scales + 16 + j * VF), sum[r]);
            }
            step<0>(w, x, j);
            step<1>(w, x, j);
            step<2>(w, x, j);
            step<3>(w, x, j);
        }
    }
};
#endif
/// sums[R][VF] += codes times x over so many blocks, up to CODE_RUN: chains of their own, or a part of one.
template <size_t D, size_t R> void code_products(const impl::CodeBlock* w, const uint8_t* x, size_t blocks,
        float* sums) {
    using Tile = CodeTile<D, R>;
    constexpr bool part = Tile::chain > impl::CODE_RUN;
    for (size_t b = 0; b < blocks;) {
        Tile tile;
        GK_UNROLL(4) for (size_t r = 0; r < R; r++) tile.sum[r] = part ? vload(sums + r * VF) : vzero();
        for (size_t end = least(b + Tile::chain, blocks); b < end; b++) tile.block(w + b, x + b * code_x_bytes(D));
        GK_UNROLL(4) for (size_t r = 0; r < R; r++)
            vstore(sums + r * VF, part ? tile.sum[r] : vadd(vload(sums + r * VF), tile.sum[r]));
    }
}

/// What codes and fixed point do not serve of so many blocks of a row: blocks of W by the bits of odd_w, groups of x by
/// those of odd_x.
double odd_products(const impl::FormatKernels& f, const uint8_t* row, const float* x, size_t n, unsigned odd_w,
        const uint8_t* odd_x) {
    double total = 0;
    for (size_t b = 0; 256 * b < n; b++) {
        const unsigned groups = odd_w >> b & 1 ? 255 : odd_x[b];
        const size_t   count  = least(n - 256 * b, 256);
        if (!groups) continue;
        float w[256];
        f.dequant(row + 256 * b / f.block_weights * f.block_bytes, w, count);
        for (size_t g = 0; 32 * g < count; g++)
            if (groups >> g & 1)
                total += blocked_sum(least(count - 32 * g, 32), product_terms<float>{w + 32 * g, x + 256 * b + 32 * g});
    }
    return total;
}

/// Rows r, r + apart .. of W, R of them, walked together: so many streams from memory.
template <size_t D, size_t R> void code_rows(const impl::RowsJob& job, size_t r, size_t apart) {
    constexpr size_t INPUTS = 24, RUN = impl::CODE_RUN;
    const impl::FormatKernels& f = *job.format;
    const size_t blocks = (job.k + 255) / 256, x_bytes = prepared_bytes(job.k, D);
    const size_t row_blocks = 256 * f.block_bytes / f.block_weights;
    impl::Lines<impl::CodeBlock, R * RUN> lines;
    impl::CodeBlock* const w = lines.begin();
    for (size_t i = 0; i < job.m; i += INPUTS) {
        const size_t inputs = least(job.m - i, INPUTS);
        impl::Lines<float, INPUTS * R * VF> sums;
        float* const sum = sums.begin();
        double total[INPUTS][R];
        for (size_t l = 0; l < inputs; l++)
            for (size_t j = 0; j < R; j++) { vstore(sum + (l * R + j) * VF, vzero()); total[l][j] = 0; }
        for (size_t b = 0; b < blocks; b += RUN) {
            const size_t   count = least(blocks - b, RUN), n = least(job.k - 256 * b, 256 * RUN);
            const uint8_t* rows[R];
            unsigned       odd[R];
            for (size_t j = 0; j < R; j++) {
                rows[j] = job.weights + (r + j * apart) * job.stride + b * row_blocks;
                odd[j]  = f.codes(rows[j], n, w + j * RUN);
            }
            for (size_t l = 0; l < inputs; l++) {
                const uint8_t* const x     = job.prepared + (i + l) * x_bytes;
                const uint8_t* const odd_x = x + blocks * code_x_bytes(D) + b;
                code_products<D, R>(w, x + b * code_x_bytes(D), count, sum + l * R * VF);
                unsigned any = 0;
                for (size_t c = 0; c < count; c++) any |= odd_x[c];
                for (size_t j = 0; j < R; j++)
                    if (any | odd[j])
                        total[l][j] += odd_products(f, rows[j], job.x + (i + l) * job.k + 256 * b, n, odd[j], odd_x);
                if ((b / RUN) % 4 != 3 && b + RUN < blocks) continue;
                for (size_t j = 0; j < R; j++) {
                    total[l][j] += static_cast<double>(vsum(vload(sum + (l * R + j) * VF)));
                    vstore(sum + (l * R + j) * VF, vzero());
                }
            }
        }
        for (size_t l = 0; l < inputs; l++)
            for (size_t j = 0; j < R; j++) job.y[(i + l) * job.ldy + r + j * apart] = static_cast<float>(total[l][j]);
    }
}
template <size_t D> void rows_of_digits(const impl::RowsJob& job) {
    const size_t part = job.rows / 4;
    for (size_t r = 0; r < part; r++)            code_rows<D, 4>(job, r, part);
    for (size_t r = 4 * part; r < job.rows; r++) code_rows<D, 1>(job, r, 0);
}
/// Does fixed point hold all of the prepared rows?
bool all_fits(const impl::RowsJob& job) {
    const size_t blocks = (job.k + 255) / 256;
    unsigned any = 0;
    for (size_t i = 0; i < job.m; i++) {
        const uint8_t* const odd = job.prepared + i * prepared_bytes(job.k, job.digits)
                + blocks * code_x_bytes(job.digits);
        for (size_t b = 0; b < blocks; b++) any |= odd[b];
    }
    return !any;
}
/// By the kernel that keeps codes in registers: rows in segments, then what is left over, each as that many times
/// itself. For several rows of x so many of W at a time that they stay in the second-level cache.
void fused_rows(const impl::RowsJob& job) {
    constexpr size_t NEAR = 128 << 10;
    const impl::FormatKernels& f = *job.format;
    impl::Lines<impl::DotJob> lines;
    impl::DotJob& d = *lines.begin();
    d.row_bytes = job.stride;
    d.blocks    = job.k / 256;
    d.digits    = job.digits;
    d.codebook  = f.codebook;
    const auto run = [&](size_t i, size_t row, size_t rows, size_t apart) {
        d.x             = job.prepared + i * prepared_bytes(job.k, job.digits);
        d.weights       = job.weights + row * job.stride;
        d.segment_bytes = apart * job.stride;
        d.rows          = rows;
        d.y             = job.y + i * job.ldy + row;
        d.y_segment     = apart;
        f.dots(&d);
    };
    const size_t part = job.rows / f.segments, step = job.m == 1 ? part : NEAR / (f.segments * job.stride) + 1;
    for (size_t r = 0; r < part; r += step)
        for (size_t i = 0; i < job.m; i++) run(i, r, least(part - r, step), part);
    for (size_t r = f.segments * part; r < job.rows; r++)
        for (size_t i = 0; i < job.m; i++) run(i, r, 1, 0);
    for (size_t r = 0; f.wide && r < job.rows; r++)             // once more where a scale was too wide
        if (job.y[r] != job.y[r]) (job.digits == 1 ? code_rows<1, 1> : code_rows<3, 1>)(job, r, 0);
}
void rows_by_codes(const impl::RowsJob& job) {
    const impl::FormatKernels& f = *job.format;
    const bool fused = f.dots && cpu_features().*f.needs && job.m < impl::FEW_FOR_DOTS;
    if (fused && job.k && job.k % 256 == 0 && all_fits(job)) fused_rows(job);
    else if (job.digits == 1) rows_of_digits<1>(job);
    else                      rows_of_digits<3>(job);
}
constexpr impl::CodeKernels code_kernels = {
    3, GK_PASS == GK_AVX2 ? impl::FEW_BY_CODES_AVX2 : impl::FEW_BY_CODES, &prepared_bytes, &prepare};
#endif

// ---- products in fixed point ---------------------------------------------------
//
// W holds plain codes, integers of 8 bits. Each group of 32 of a row of x becomes integers of one, two or three signed
// digits to base 256, x = d (65536 q2 + 256 q1 + q0), d = max|x| / 127 for one digit: one rounds to 8 bits, three keep
// 24, as f32 does. Sums over a group are exact in 32 bits, groups and digits are added in f32. With three digits, in u
// of max |x| sum |w|: half a step, the product with 1 / step and d itself 4, additions 96 in DIGIT_K of k and 11 of
// these: 112. In AMX tiles half a step counts 32 times, and a DIGIT_K of k takes 3 additions: 51.
//
//   for each DIGIT_K of k
//     for each QN columns of C      unpack W and transpose it to a panel, [DIGIT_K / QK][QN][QK] bytes       in L1
//       for each QR rows of C       microkernel on a tile from zero, which is added to C                x comes from L2
//
// A panel of x is, for each group and each digit from the highest: if FLIP, int32 -128 sum q for each row, to start its
// sums with, as W is stored as w + 128; the float that the digit counts; and the digits, [32 / QK][QR][QK].

#if GK_PASS != GK_SCALAR

constexpr size_t DIGIT_K = 1024, UNIT = QR * (FLIP ? 40 : 36);
/// Consecutive k that lie together in panels: 4, or 8 where the kernel or the unit takes them so.
constexpr size_t QK = impl::has_kernel(impl::digit_tiles, GK_ASM_PASS, GK_FEATURE, 8) || GK_FEATURE == GK_I8MM ? 8 : 4;

/// The microkernel: t[QR][QN] = panels a times b over `groups` of k. Those in assembly give the same bits.
void digit_tile(size_t groups, size_t digits, const void* a_panel, const void* b_panel, float* t) {
    const uint8_t *a = static_cast<const uint8_t*>(a_panel), *b = static_cast<const uint8_t*>(b_panel);
    for (size_t i = 0; i < QR * QN; i++) t[i] = 0;
    for (size_t g = 0; g < groups; g++, b += 32 * QN)
        for (size_t d = 0; d < digits; d++, a += UNIT) {
            const uint8_t* const scales = a + (FLIP ? 4 * QR : 0);
            constexpr size_t C = QN / QV;
            vq n[QR][C];
            GK_UNROLL(8) for (size_t r = 0; r < QR; r++)
                GK_UNROLL(4) for (size_t c = 0; c < C; c++)
                    n[r][c] = qset(FLIP ? impl::load_as<int32_t>(a + 4 * r) : 0);
#if GK_FEATURE == GK_I8MM
            group_products(scales + 4 * QR, b, 8, n);
#else
            for (size_t u = 0; u < 32 / QK; u++) {
                vq w[C];
                GK_UNROLL(4) for (size_t c = 0; c < C; c++) w[c] = qload(b + (u * QN + c * QV) * QK);
                GK_UNROLL(8) for (size_t r = 0; r < QR; r++) {
                    const int32_t x = impl::load_as<int32_t>(scales + 4 * QR + (u * QR + r) * QK);
                    GK_UNROLL(4) for (size_t c = 0; c < C; c++) n[r][c] = qdot(n[r][c], w[c], x);
                }
            }
#endif
            GK_UNROLL(8) for (size_t r = 0; r < QR; r++)
                GK_UNROLL(4) for (size_t c = 0; c < C; c++)
                    qfma(t + r * QN + c * QV, n[r][c], impl::load_as<float>(scales + 4 * r));
        }
}
constexpr impl::DigitTile* best_digit_tile =
    impl::has_kernel(impl::digit_tiles, GK_ASM_PASS, GK_FEATURE, QK)
        ? impl::kernel_for(impl::digit_tiles, GK_ASM_PASS, GK_FEATURE, QK) : &digit_tile;

/// Up to 32 of x to row r of a group's units. False, and zeros, if they have no fixed point.
bool pack_group(const float* x, size_t n, size_t digits, size_t r, uint8_t* units) {
    const float most = group_maximum(x, n), max = most != most ? 0 : most;
    const float one = full_scale(digits), d = max / one;
    int32_t     q[32];
    to_digits(x, max == 0 ? 0 : n, max == 0 ? 0 : one / max, q);
    for (size_t k = digits; k-- > 0; units += UNIT) {
        uint8_t* const scales = units + (FLIP ? 4 * QR : 0);
        const vb       bytes  = bxor(qbytes(q, 8 * static_cast<int>(k)), bset(128));
        uint8_t        digit[32];
        memcpy(digit, &bytes, 32);
        for (size_t i = 0; i < 32; i += QK) memcpy(scales + 4 * QR + i * QR + r * QK, digit + i, QK);
        if (FLIP) {
            int32_t sum = 0;
            for (size_t i = 0; i < 32; i++) sum += (q[i] >> (8 * k)) & 255;
            const int32_t start = 128 * (32 * 128 - sum);
            memcpy(units + 4 * r, &start, 4);
        }
        const float counts = k == 0 ? d : k == 1 ? d * 256 : d * 65536;
        memcpy(scales + 4 * r, &counts, 4);
    }
    return most == most;
}

GK_INL size_t panels_of(size_t m)                  { return (m + QR - 1) / QR; }
/// Bytes of all panels of x over `k` of k.
GK_INL size_t packed_bytes(size_t m, size_t k, size_t digits) {
    return panels_of(m) * ((k + 31) / 32) * digits * UNIT;
}
size_t packed_floats(size_t m, size_t k, size_t digits) { return packed_bytes(m, k, digits) / 4; }

bool pack_digits(const float* x, size_t m, size_t k, size_t digits, size_t from, size_t to, uint8_t* packed,
        uint8_t* odd) {
    memset(odd + from, 0, to - from);
    for (size_t p = 0; p < k; p += DIGIT_K) {
        const size_t kc = least(k - p, DIGIT_K), panel = (kc + 31) / 32 * digits * UNIT;
        for (size_t i = from / QR * QR; i < round_up(to, QR); i++)
            for (size_t q = 0; q < kc; q += 32) {
                uint8_t* const units = packed + packed_bytes(m, p, digits) + i / QR * panel + q / 32 * digits * UNIT;
                if (!pack_group(i < m ? x + i * k + p + q : x, i < m ? least(kc - q, 32) : 0, digits, i % QR, units))
                    odd[i] = 1;
            }
    }
    return true;
}

/// Rows of bytes, so far apart.
struct CodeRows { size_t count; float* at; size_t stride; };
/// kc plain codes of columns j .. j+cols-1 from p on, exclusive or `flip`, to rows; beyond them up to a multiple of 64,
/// and in columns beyond cols, codes of 0.
void unpack_columns(const impl::DigitJob& job, size_t p, size_t kc, size_t j, size_t cols, int flip,
        const CodeRows& to) {
    uint8_t* bytes = reinterpret_cast<uint8_t*>(to.at);
    for (size_t c = 0; c < to.count; c++, bytes += to.stride) {
        const size_t done = c < cols ? round_up(kc, 32) : 0;
        if (done)
            job.format->unpack(job.weights + (j + c) * job.row_stride + p / 32 * job.block_bytes, kc, flip, bytes);
        memset(bytes + done, flip, round_up(kc, 64) - done);
    }
}
/// kc codes of columns j .. j+cols-1 from p on, as a panel.
void digit_panel(const impl::DigitJob& job, size_t p, size_t kc, size_t j, size_t cols, float* panel) {
    float rows[QN * DIGIT_K / 4];
    const size_t words = round_up(kc, 32) / 4;
    unpack_columns(job, p, kc, j, cols, FLIP, {QN, rows, DIGIT_K});
    if (QK == 4) { transpose(rows, DIGIT_K / 4, QN, words, panel, QN); return; }       // words of four codes
    float pairs[QN * DIGIT_K / 4];
    transpose(rows, DIGIT_K / 4, QN, words, pairs, QN);
    for (size_t w = 0; w < words; w++)
        for (size_t c = 0; c < QN; c++) memcpy(panel + (w / 2 * QN + c) * 2 + w % 2, pairs + w * QN + c, 4);
}

void digit_product(const impl::DigitJob& job) {
    float panel[QN * DIGIT_K / 4], t[QR * QN];
    for (size_t p = 0; p < job.k; p += DIGIT_K) {
        const size_t kc = least(job.k - p, DIGIT_K), groups = (kc + 31) / 32;
        for (size_t j = 0; j < job.n; j += QN) {
            const size_t   cols = least(job.n - j, QN);
            const uint8_t* a    = job.packed + packed_bytes(job.m, p, job.digits);
            digit_panel(job, p, kc, j, cols, panel);
            for (size_t i = 0; i < job.m; i += QR, a += groups * job.digits * UNIT) {
                for (size_t r = 0; r < least(job.m - i, QR); r++)
                    for (size_t c = 0; c < cols; c += 16)
                        prefetch(reinterpret_cast<const char*>(job.y + (i + r) * job.ldy + j + c));
                best_digit_tile(groups, job.digits, a, panel, t);
                move_tile(t, QN, job.y + i * job.ldy + j, job.ldy, least(job.m - i, QR), cols, p != 0);
            }
        }
    }
}

#if GK_FEATURE == GK_AVX512VNNI || GK_FEATURE == GK_I8MM
constexpr size_t exact_digits = 3, fast_digits = 1;
#else
constexpr size_t exact_digits = 0, fast_digits = GK_PASS == GK_AVX512 ? 0 : 1;     // AVX-512: f32 has wider vectors
#endif
constexpr impl::DigitKernels all_digit_kernels() {
    impl::DigitKernels d;
    d.rows    = QR;
    d.columns = QN;
    d.exact   = exact_digits;
    d.fast    = fast_digits;
    d.few     = impl::FEW_ROWS;
    d.longest = LONG_K;
    d.packed_floats = &packed_floats;
    d.pack    = &pack_digits;
    d.run     = &digit_product;
    return d;
}
constexpr impl::DigitKernels digit_kernels = all_digit_kernels();

#endif

// ---- panels of codes -------------------------------------------------------------
//
// Several rows of x, where sums of products of bytes are faster than floats: of QN rows of W blocks of codes are
// transposed to a panel, so that a vector holds four k of as many rows, and multiplied with x in fixed point, of one or
// three signed digits to base 256. Where G = 16 or 32 of k share a scale s, with q the sums over G of code digit, exact
// in 32 bits:
//
//   t = sum over groups of d s (65536 q2 + 256 q1 + q0)          FMA each, q2 to q0 first, then s, then d into a chain
//     + sum over groups of rest d sum X                          a chain of its own, where the format has rests
//
//   for each QN columns of C
//     for each CODE_K of k            decode W to CodeBlocks, transpose them to a panel                   in L1 or L2
//       for each tile of rows of C    the tile, then rests, then added to C        panels of x come from L2 or further
//
// A panel of W over k: int8 code[k / DEEP][QN][DEEP]; for each G of k, where bytes of x are taken as x + 128, int32
// start[QN] = -128 sum of their codes, and float scale[QN]; where the format has rests, float rest[k / G][QN]. A panel
// of x, of R rows: for each digit int8 [k / DEEP][R][DEEP], then float d[k / G][R] and sum[k / G][R], d sum X. DEEP is
// 4, or 8 where rows are multiplied by two. Panels of x share the rows evenly.
//
// To the bound, in u of max |x| sum |w|: half a step of X 1, rounding to it 2, d 1; then for scale code, at most 2 |w|,
// two sums of digits, s and d 4, a chain of CODE_K / 16 32; for rest, at most |w|, sum X 5, d 1, a chain 32; for both,
// at most 3 |w|, their sum 1 and one for each CODE_K of k: 4 + 72 + 38 + 3 + 3 k / 512 = 141 at k = 4096, 252 at
// LONGEST.

#if GK_PANELS

constexpr size_t CODE_K = 512, LONGEST = 45 * CODE_K;

//   put_quads(out, q): DEEP of k of as many rows as q[0] has floats | row_sums(x, r, R): of the bytes of a group, QUADS
//   fours, of QV of R rows from r on | group_products<R, C>(x, codes, quads, n): n[r][c] += the products of a group
#if GK_FEATURE == GK_I8MM
constexpr size_t DEEP = 8;
GK_INL void put_quads(float* out, const vf* q)     { vst2q_f32(out, {{q[0], q[1]}}); }
GK_INL vq row_sums(const uint8_t* x, size_t r, size_t R, size_t quads) {
    const int8x16_t ones = vdupq_n_s8(1);
    vq sum[2] = {qset(0), qset(0)};
    for (size_t u = 0; u < quads; u += 2)
        for (size_t h = 0; h < 2; h++)
            sum[h] = vdotq_s32(sum[h], ones, vreinterpretq_s8_u8(vld1q_u8(x + 4 * (u * R + 2 * r) + 16 * h)));
    return vpaddq_s32(sum[0], sum[1]);
}
#else
constexpr size_t DEEP = 4;
template <class V> GK_INL void put_quads(float* out, const V* q) { memcpy(out, q, sizeof *q); }
GK_INL vq row_sums(const uint8_t* x, size_t r, size_t R, size_t quads) {
    vq sum = qset(-FLIP_X * 4 * static_cast<int>(quads));
    for (size_t u = 0; u < quads; u++) sum = qcodes(sum, qset(0x01010101), qload(x + 4 * (u * R + r)));
    return sum;
}
template <size_t R, size_t C>
GK_INL void group_products(const uint8_t* x, const uint8_t* codes, size_t quads, vq (&n)[R][C]) {
    for (size_t u = 0; u < quads; u++) {
        vq w[C];
        GK_UNROLL(4) for (size_t c = 0; c < C; c++) w[c] = qload(codes + 4 * (u * QN + c * QV));
        GK_UNROLL(8) for (size_t r = 0; r < R; r++) {
            const vq four = qset(impl::load_as<int32_t>(x + 4 * (u * R + r)));
            GK_UNROLL(4) for (size_t c = 0; c < C; c++) n[r][c] = qcodes(n[r][c], w[c], four);
        }
    }
}
#endif

template <size_t G> struct CodePanels {
    static constexpr size_t QUADS = G / 4, C = QN / QV, each_bytes = (FLIP_X ? 8 : 4) * QN;

    /// Bytes of a row in panels of x.
    static constexpr size_t row_bytes(size_t k, size_t digits) {
        return digits * round_up(k, G) + (k + G - 1) / G * 8;
    }
    static size_t packed_floats(size_t m, size_t k, size_t digits) { return m * row_bytes(k, digits) / 4; }

    // ---- x

    /// Room for a panel of x, and for a vector behind it.
    struct PanelOfX {
        float   panel[QR * row_bytes(CODE_K, 3) / 4 + VF * (DEEP / 4)];
        float   step[QR][CODE_K / 32 + VF], per_step[CODE_K / 32 + VF], max[CODE_K / 32 + VF];
        uint8_t digit[3][round_up(QR, FEW)][CODE_K];

        /// Row r: its digits, and what they count. False where 32 of k have no fixed point: these are zeros.
        GK_MEM bool row(const float* x, size_t kc, size_t digits, size_t r) {
            const size_t n    = kc / 32;
            const float  full = full_scale(digits);
            bool fits = true;
            for (size_t g = 0; g < n; g += VF) {
                const vf top = maxima_of_32(x + 32 * g, least(n - g, VF));
                vstore(max + g, top);
                vstore(step[r] + g, vdiv(top, vset(full)));
                vstore(per_step + g, vdiv(vset(full), top));
            }
            for (size_t g = 0; g < n; g++) {
                if (!(max[g] >= 0x1p-60f && max[g] <= 0x1p60f)) {
                    fits &= max[g] == 0;
                    step[r][g] = per_step[g] = 0;
                }
                take_digits(x + 32 * g, per_step[g], digits, digit[0][r] + 32 * g, sizeof digit[0]);
            }
            return fits;
        }
        /// DEEP of k of each row together.
        GK_MEM void transpose_digit(const uint8_t* in, size_t quads, size_t R, float* out) {
            constexpr size_t blocks = round_up(QR, FEW) / FEW;
            for (size_t q = 0; q < quads; q += FEW) {
                vfew t[blocks][FEW];
                for (size_t b = 0; b < blocks; b++)
                    vload_transposed(reinterpret_cast<const float*>(in + b * FEW * CODE_K) + q, CODE_K / 4, t[b]);
                GK_UNROLL(8) for (size_t j = 0; j < FEW; j += DEEP / 4, out += DEEP / 4 * R)
                    for (size_t b = 0; b < blocks; b++)
                        if (b == 0 || b * FEW < R) put_quads(out + DEEP / 4 * b * FEW, &t[b][j]);
            }
        }
        /// Rows of x, ldx floats apart; to `out` when all is done.
        GK_MEM void pack(const float* x, size_t ldx, size_t R, size_t kc, size_t digits, uint8_t* out, uint8_t* odd) {
            const size_t groups = (kc + G - 1) / G, plane = groups * QUADS * R;
            float *const d = panel + digits * plane, *const sums = d + groups * R;
            for (size_t r = 0; r < R; r++)
                if (!row(x + r * ldx, kc, digits, r)) odd[r] = 1;
            for (size_t i = 0; i < digits; i++) transpose_digit(digit[i][0], groups * QUADS, R, panel + i * plane);
            for (size_t g = 0; g < groups; g++)
                for (size_t r = 0; r < R; r++) d[g * R + r] = step[r][g * G / 32];
            for (size_t g = 0; g < groups; g++)
                for (size_t r = 0; r < R; r += QV) {
                    vq all = qset(0);
                    for (size_t i = 0; i < digits; i++) {
                        const float* const group = panel + i * plane + g * QUADS * R;
                        const vq sum = row_sums(reinterpret_cast<const uint8_t*>(group), r, R, QUADS);
                        all = viadd(vishl(all, 8), sum);
                    }
                    vstore(sums + g * R + r, vmul(vfloat(all), vload(d + g * R + r)));
                }
            memcpy(out, panel, R * row_bytes(kc, digits));
        }
    };
    /// The panels whose first row is one of from .. to-1.
    static bool pack(const float* x, size_t m, size_t k, size_t digits, size_t from, size_t to,
                     uint8_t* packed, uint8_t* odd) {
        impl::Lines<PanelOfX> lines;
        for (size_t panel = 0, i = 0, next; i < to; i = next) {
            next = panel_row(m, ++panel);
            if (i >= from) memset(odd + i, 0, next - i);
            for (size_t p = 0; i >= from && p < k; p += CODE_K) {
                const size_t kc = least(k - p, CODE_K);
                uint8_t* const out = packed + m * row_bytes(p, digits) + i * row_bytes(kc, digits);
                lines.begin()->pack(x + i * k + p, k, next - i, kc, digits, out, odd + i);
            }
        }
        return true;
    }

    // ---- the microkernel

    template <size_t R>
    static void rows_of_tile(size_t groups, size_t digits, const uint8_t* x, const uint8_t* codes, float* t) {
        const uint8_t*     each  = codes + groups * G * QN;                    // of a group: starts and scales
        const size_t       plane = groups * 4 * QUADS * R;
        const float*       d     = reinterpret_cast<const float*>(x + digits * plane);
        for (size_t i = 0; i < R * QN; i++) t[i] = 0;
        for (size_t g = 0; g < groups; g++, each += each_bytes, codes += G * QN, x += G * R, d += R) {
            vf f[R][C];
            GK_UNROLL(8) for (size_t r = 0; r < R; r++)
                GK_UNROLL(4) for (size_t c = 0; c < C; c++) f[r][c] = vzero();
            for (size_t i = 0; i < digits; i++) {
                vq n[R][C];
                GK_UNROLL(8) for (size_t r = 0; r < R; r++)
                    GK_UNROLL(4) for (size_t c = 0; c < C; c++) n[r][c] = FLIP_X ? qload(each + 4 * c * QV) : qset(0);
                group_products(x + i * plane, codes, QUADS, n);
                GK_UNROLL(8) for (size_t r = 0; r < R; r++)
                    GK_UNROLL(4) for (size_t c = 0; c < C; c++) f[r][c] = vfma(f[r][c], vset(256), vfloat(n[r][c]));
            }
            const float* const scales = reinterpret_cast<const float*>(each + each_bytes) - QN;
            GK_UNROLL(8) for (size_t r = 0; r < R; r++)
                GK_UNROLL(4) for (size_t c = 0; c < C; c++) {
                    float* const at = t + r * QN + c * QV;
                    vstore(at, vfma(vmul(f[r][c], vload(scales + c * QV)), vset(d[r]), vload(at)));
                }
        }
    }
    template <size_t R = QR>
    static void any_rows(size_t groups, size_t digits, size_t rows, const uint8_t* x, const uint8_t* codes, float* t) {
        if (rows == R) rows_of_tile<R>(groups, digits, x, codes, t);
        else if constexpr (R > 1) any_rows<R - 1>(groups, digits, rows, x, codes, t);
    }
    /// Those in assembly give the same bits.
    static void tile(size_t groups, size_t digits, size_t rows, const void* x, const void* codes, float* t) {
        any_rows(groups, digits, rows, static_cast<const uint8_t*>(x), static_cast<const uint8_t*>(codes), t);
    }
    static constexpr impl::CodesTile* best_tile = impl::has_kernel(impl::codes_tiles, GK_ASM_PASS, GK_FEATURE, G)
            ? impl::kernel_for(impl::codes_tiles, GK_ASM_PASS, GK_FEATURE, G) : &tile;

    // ---- W

    /// A panel of W, and which of its columns have blocks that codes do not serve: bit b of odd[c], block b.
    struct Panel {
        alignas(64) uint8_t bytes[CODE_K * QN + 3 * CODE_K / G * QN * 4];
        uint8_t odd[QN];
        bool    any_odd;
        size_t  groups;

        float* each(size_t g) { return reinterpret_cast<float*>(bytes + groups * G * QN + g * each_bytes); }
        float* rests()        { return each(groups); }

        /// Quads from q on of all of VF columns from c on, `count` of them, whole groups, and what starts their sums.
        GK_MEM void put_codes(const vf (&t)[VF], size_t q, size_t count, size_t c) {
            constexpr size_t step = DEEP / 4;
            float* const at = reinterpret_cast<float*>(bytes) + q * QN + c * step;
            if (count == VF) { GK_UNROLL(16) for (size_t j = 0; j < VF; j += step) put_quads(at + j * QN, t + j); }
            else for (size_t j = 0; j < count; j += step) put_quads(at + j * QN, t + j);
            GK_UNROLL(4) for (size_t j = 0; FLIP_X && j < VF; j += QUADS) {
                vq sum = qset(0);
                GK_UNROLL(8) for (size_t u = 0; u < QUADS; u++)
                    sum = qcodes(sum, vbits(t[j + u]), qset(static_cast<int32_t>(0x80808080)));
                if (j < count) vstore(each((q + j) / QUADS) + c, vunbits(visub(qset(0), sum)));
            }
        }
        /// VF columns from column c, from blocks in the order of columns, for `kc` of k from group g on.
        GK_MEM void take(const impl::CodeBlock* w, size_t kc, size_t g, size_t c, bool with_rests) {
            constexpr size_t ld = sizeof *w / 4, per = G / 16;
            vf t[VF];
            for (size_t i = 0; i < kc / 4; i += VF) {
                vload_transposed(reinterpret_cast<const float*>(w->code) + i, ld, t);
                put_codes(t, g * QUADS + i, least(kc / 4 - i, VF), c);
            }
            for (size_t i = 0; i < kc / 16; i += VF) {
                const size_t count = least(kc / 16 - i, VF);
                vload_transposed(w->scale + i, ld, t);
                for (size_t j = 0; j < count; j += per) vstore(each(g + (i + j) / per) + (FLIP_X ? QN : 0) + c, t[j]);
                if (!with_rests) continue;
                vload_transposed(w->rest + i, ld, t);
                for (size_t j = 0; j < count; j += per) vstore(rests() + (g + (i + j) / per) * QN + c, t[j]);
            }
        }
        void decode(const impl::DigitJob& job, size_t p, size_t kc, size_t j, size_t cols) {
            const impl::FormatKernels& f = *job.format;
            const size_t block = 256 / f.block_weights * f.block_bytes;
            impl::Lines<impl::CodeBlock, VF> lines;
            impl::CodeBlock* const w = lines.begin();
            groups  = (kc + G - 1) / G;
            any_odd = false;
            memset(odd, 0, sizeof odd);
            for (size_t c = 0; c < QN; c += VF) {
                const uint8_t* const first = job.weights + (j + c) * job.row_stride + p / 256 * block;
                for (size_t b = 0; b < kc; b += 256) {
                    const size_t n = least(kc - b, 256);
                    for (size_t i = 0; i < VF; i++) {
                        if (c + i >= cols) { memset(w + i, 0, sizeof *w); continue; }
                        const unsigned is_odd = f.codes(first + i * job.row_stride + b / 256 * block, n, w + i);
                        odd[c + i] = static_cast<uint8_t>(odd[c + i] | is_odd << (b / 256));
                        any_odd |= is_odd != 0;
                    }
                    take(w, round_up(n, G), b / G, c, f.rests);
                }
            }
        }
        /// What the odd blocks of columns are to C, as floats.
        void add_odd(const impl::DigitJob& job, size_t p, size_t kc, size_t j, size_t cols) const {
            const uint8_t none[CODE_K / 256] = {};
            const impl::FormatKernels& f = *job.format;
            for (size_t c = 0; c < cols; c++)
                for (size_t i = 0; odd[c] && i < job.m; i++) {
                    const uint8_t* const row = job.weights + (j + c) * job.row_stride
                            + p / f.block_weights * f.block_bytes;
                    float& y = job.y[i * job.ldy + j + c];
                    y = static_cast<float>(static_cast<double>(y)
                            + odd_products(f, row, job.x + i * job.k + p, kc, odd[c], none));
                }
        }
    };

    /// Columns j .. j+cols-1 of C (=|+=) their part over kc of k from p on. t: room for two tiles.
    static void columns(const impl::DigitJob& job, size_t p, size_t kc, size_t j, size_t cols, Panel& w, float* t) {
        const uint8_t* x = job.packed + job.m * row_bytes(p, job.digits);
        w.decode(job, p, kc, j, cols);
        for (size_t panel = 0, i = 0, next; i < job.m; i = next) {
            next = panel_row(job.m, ++panel);
            const size_t rows = next - i;
            float* const y    = job.y + i * job.ldy + j;
            for (size_t r = 0; r < rows; r++)
                for (size_t c = 0; c < cols; c += 16) prefetch(reinterpret_cast<const char*>(y + r * job.ldy + c));
            best_tile(w.groups, job.digits, rows, x, w.bytes, t);
            if (job.format->rests) {
                const float* const sums = reinterpret_cast<const float*>(x + w.groups * rows * (job.digits * G + 4));
                any_tile<QR>({w.groups, sums, 1, rows, w.rests(), QN, t, QN, true, 0}, rows, QN);
            }
            move_tile(t, QN, y, job.ldy, rows, cols, p != 0);
            x += rows * row_bytes(kc, job.digits);
        }
        if (w.any_odd) w.add_odd(job, p, kc, j, cols);
    }
    static void run(const impl::DigitJob& job) {
        impl::Lines<Panel> lines;
        impl::Lines<float, 2 * QR * QN> tiles;
        for (size_t j = 0; j < job.n; j += QN)
            for (size_t p = 0; p < job.k; p += CODE_K)
                columns(job, p, least(job.k - p, CODE_K), j, least(job.n - j, QN), *lines.begin(), tiles.begin());
    }
    static constexpr impl::DigitKernels all_kernels() {
        impl::DigitKernels d;
        d.rows    = QR;
        d.columns = QN;
        d.exact   = GK_FEATURE ? 3 : 0;
        d.fast    = 1;
        d.few     = impl::FEW_FOR_PANELS;
        d.longest = LONGEST;
        d.packed_floats = &packed_floats;
        d.pack    = &pack;
        d.run     = &run;
        return d;
    }
    static constexpr impl::DigitKernels kernels = all_kernels();
};
#endif

// ---- the kernels of each format ---------------------------------------------------

template <class C> constexpr impl::FormatKernels format_kernels([[maybe_unused]] size_t type) {
    impl::FormatKernels f = {};
    f.block_weights = C::block::weights;
    f.block_bytes   = sizeof(typename C::block);
    f.dequant       = &dequant<C>;
    f.rows          = C::has_levels || C::ragged ? &rows_in_registers<C> : &decoded_rows;
#if GK_PASS != GK_SCALAR
    if constexpr (!C::has_levels) {
        f.codes         = &row_codes<C>;
        f.rows_by_codes = &rows_by_codes;
        f.by_codes      = &code_kernels;
        f.rests         = C::has_offset;
#if GK_PANELS
        if (C::largest <= LARGEST_CODE)
            f.digits    = C::group % 32 == 0 ? &CodePanels<32>::kernels : &CodePanels<16>::kernels;
#endif
        constexpr int feature = GK_FEATURE == GK_I8MM ? GK_DOTPROD : GK_FEATURE;    // one row of x has no use for it
        const impl::AsmKernel<impl::DotRows>* const row = impl::row_for(impl::dot_rows, GK_ASM_PASS, feature, type);
        f.dots     = row ? row->run : nullptr;
        f.segments = row ? row->rows : 0;
        f.needs    = row ? row->needs : nullptr;
        f.wide     = C::wide_scales;
        f.codebook = C::codebook;
    }
#endif
    return f;
}
#if GK_PASS != GK_SCALAR
template <class C> void unpack(const uint8_t* row, size_t n, int flip, uint8_t* out) {
    using block = typename C::block;
    for (size_t i = 0; i < n; i += 32, row += sizeof(block)) {
        block last = {};
        if (n - i < 32) memcpy(&last, row, ((n - i) * sizeof(block) + 31) / 32);
        const vb codes = bxor(C::codes(n - i < 32 ? last : *reinterpret_cast<const block*>(row), 0), bset(flip));
        memcpy(out + i, &codes, 32);
    }
}
template <class C> constexpr impl::FormatKernels plain_kernels() {
    impl::FormatKernels f = format_kernels<C>(SIZE_MAX);
    f.unpack = &unpack<C>;
    f.digits = &digit_kernels;
    return f;
}
#else
template <class C> constexpr impl::FormatKernels plain_kernels() { return format_kernels<C>(SIZE_MAX); }
#endif

template <> constexpr impl::FormatKernels format_kernels<left_out>(size_t) { return {}; }
constexpr impl::FormatKernels format_table[] = {
#define GK_FORMAT(NAME, name, bits, family) format_kernels<codec_##name>(static_cast<size_t>(QuantType::NAME)),
    GK_FORMATS(GK_FORMAT)
#undef GK_FORMAT
    plain_kernels<codec_plain8>(), plain_kernels<codec_plain4>(),
    plain_kernels<codec_plain2>(), plain_kernels<codec_plain1>(),
};

} // namespace GK_FEATURE_NS
#undef GK_PANELS

#if !GK_FEATURE

// ============================================================================
// [16] AMX TILES
// ============================================================================
//
// The AVX-512 pass with assembly has a second loop nest, for CPUs with AMX-BF16, and in it a form for bf16 alone that
// multiplies pairs in vectors, for CPUs that do so at twice the rate of f32. bf16 enters the tiles as it is, one
// plane. f32 and f16 are split, x = hi + mid + lo exactly, and six of the nine products are taken: what is left out is
// 2^-22.9 |a b| at most. Integer codes of up to 8 bits are a bf16 each, as are inputs that were bf16: three products,
// nothing left out. Fast products round W to bf16, and the input to 16 bits, or to bf16 where W has no more bits than
// that: 2^-8 |a b| at most.
//
//   for each C_COLUMNS columns of C
//     for each C_ROWS rows of C
//       for each TK of k              pack A    [C_ROWS][TK] as panels of 32 rows                in L3
//         for each B_COLUMNS columns         pack B    [TK][B_COLUMNS] as panels of 32 columns             in L2
//           for each panel of A       it prefetches the next
//             for each chunk of k     of A, in L1
//               for each panel of B
//                 microkernel         32 x 32 sums from zero, in the end added to C, which it prefetches
//
// Roundings: a tile product adds its pairs in two chains of 16, the chains, and its sum to the tile; f32 has 96 of them
// in a block of k, bf16 64; pairs in vectors have a chain of 64, and 32 of these in a block; blocks are added in f32.
// With what is left out: 17 + 96 + 2 + k / TK u, 122 at k = 4096, 178 at the 64 blocks that tiles_win allows.
//
// Tiles take subnormals for zero and overflow while splitting, so each panel of TK of k carries the range of its
// magnitudes. A pair of panels whose products stay clear of both ends goes through the tiles, any other through fused
// multiply-adds from the original values, NaN and infinities included. The choice rests on the rows, the columns and TK
// alone: no split into threads can change it.

#ifdef GK_TILES

/// How a product enters the tiles: its element type, planes of A and of B, depth of a block, steps of 32 of it at a
/// time, and the microkernel. Pair j of a step is k = j, 16 + j; or 2 j, 2 j + 1 where elements go in as they lie in
/// memory.
template <class Element, size_t A, size_t B, size_t Depth, size_t Steps> struct TileForm {
    using E = Element;
    static constexpr size_t planes_a = A, planes_b = B, tk = Depth, chunk = Steps, step_a = A * 1024, step_b = B * 1024;
    static constexpr bool   as_it_is = sizeof(E) == 2 && A == 1;
    static constexpr size_t pair = as_it_is ? 2 : 1, to_odd = as_it_is ? 1 : 16;
    static constexpr size_t ahead = A == 1 ? 256 : A == 2 ? 512 : 768;  // bytes of the next panel that a step fetches
    static constexpr size_t few = 9;
    using packing = TileForm;
    static constexpr auto   kernel = impl::kernel_for(impl::term_tiles, GK_AVX512, GK_AMX, 10 * A + B);
    static bool allowed()                              { return impl::tiles_allowed(); }
    static void use(size_t on) {
        impl::kernel_for(impl::tile_switches, GK_AVX512, GK_AMX, 0)(on);
    }
    static_assert(impl::has_kernel(impl::term_tiles, GK_AVX512, GK_AMX, 10 * A + B),
                  "there is a kernel for these terms");
};
template <class E> struct tile_form       { using type = TileForm<E, 3, 3, 512, 16>; };
template <>        struct tile_form<bf16> { using type = TileForm<bf16, 1, 1, 2048, 8>; };
/// The same without tiles: a chain of 64 products, the sums of which are added to those of the tile.
struct PairsForm : tile_form<bf16>::type {
    static constexpr size_t few = 12;
    using packing = tile_form<bf16>::type;
    static constexpr auto   kernel = impl::kernel_for(impl::term_tiles, GK_AVX512, GK_AVX512BF16, 11);
    static bool allowed()                              { return true; }
    static void use(size_t)                            {}
};
constexpr auto bytes_in_tiles = impl::kernel_for(impl::byte_tiles, GK_AVX512, GK_AMX, 1);
constexpr size_t B_COLUMNS = 256, C_ROWS = 2048, C_COLUMNS = 2048, PANEL = 32;

/// Magnitudes as bits of f32: the largest, and the smallest that is not zero, less one; all zero is 0 and the largest
/// integer.
struct Range {
    uint32_t top, low;
    /// Can the tiles take products of these? With |x| in 2^-102 .. 2^100 every term of a split is normal; with |x y|
    /// over 2^-98 what is flushed is below 2^-24 of it; sums of 2048 products are to stay under 2^126.
    bool suits(const Range& b) const {
        const uint32_t least_a = low >> 23, least_b = b.low >> 23, most_a = top >> 23, most_b = b.top >> 23;
        return least_a >= 25 && least_b >= 25 && least_a + least_b >= 254 - 98 && most_a < 227 && most_b < 227
            && most_a + most_b + 2 + 11 <= 254 + 126;
    }
};
/// Collects a range, over f32 or over pairs of bf16.
struct RangeOf {
    vi top, low;
    GK_MEM RangeOf() : top(viset(0)), low(viset(-1)) {}
    GK_MEM void add(vf x) {
        const vi magnitude = viand(vbits(x), viset(0x7fffffff));
        top = _mm512_max_epu32(top, magnitude);
        low = _mm512_min_epu32(low, visub(magnitude, viset(1)));
    }
    Range range() const { return {_mm512_reduce_max_epu32(top), _mm512_reduce_min_epu32(low)}; }
};
struct RangeOfPairs {
    vi top, low;
    GK_MEM RangeOfPairs() : top(viset(0)), low(viset(-1)) {}
    GK_MEM void add(vi pairs) {
        const vi magnitude = viand(pairs, viset(0x7fff7fff));
        top = _mm512_max_epu16(top, magnitude);
        low = _mm512_min_epu16(low, _mm512_sub_epi16(magnitude, _mm512_set1_epi16(1)));
    }
    Range range() const {
        const vi odd = viset(-0x10000);
        const vi larger  = _mm512_max_epu32(viand(top, odd), _mm512_slli_epi32(top, 16));
        const vi smaller = _mm512_min_epu32(vior(low, viset(0xffff)), vior(_mm512_slli_epi32(low, 16), viset(0xffff)));
        return {_mm512_reduce_max_epu32(larger), _mm512_reduce_min_epu32(smaller)};
    }
};

// ---- packing

/// The 16 pairs of one row of a tile in each plane, planes 2 KiB apart. Rounding is to nearest, ties away from zero: it
/// leaves 16 and 8 bits.
GK_INL vi vpair(vf x, vf y)                        { return vior(_mm512_srli_epi32(vbits(x), 16), vbits(y)); }
GK_INL vf vround8(vf x) {
    return vunbits(viand(viadd(vbits(x), viset(0x8000)), viset(-0x10000)));
}
template <size_t planes> GK_INL void split_pairs(vf x, vf y, uint16_t* out) {
    const vf x1 = vround8(x), y1 = vround8(y);
    _mm512_store_si512(out, vpair(x1, y1));
    if (planes == 1) return;
    const vf x23 = vsub(x, x1), x2 = vround8(x23), x3 = vsub(x23, x2);
    const vf y23 = vsub(y, y1), y2 = vround8(y23), y3 = vsub(y23, y2);
    _mm512_store_si512(out + 1024, vpair(x2, y2));
    if (planes == 2) return;
    _mm512_store_si512(out + 2048, vpair(x3, y3));
}

/// Up to 32 rows of A, kc of k, to a panel: for each 32 of k, planes of two tiles; zeros beyond the rows and beyond kc.
template <class F> Range pack_tile_a(const typename F::E* a, size_t lda, size_t rows, size_t kc, uint16_t* panel) {
    RangeOf range;
    for (size_t p = 0; p < kc; p += 32, panel += F::step_a)
        for (size_t r = 0; r < PANEL; r++) {
            const typename F::E* const row = a + r * lda + p;
            vf x = vzero(), y = vzero();
            if (r < rows && kc - p >= 32) { x = vload(row); y = vload(row + 16); }
            else if (r < rows) {
                x = vload_n(row, least(kc - p, 16));
                if (kc - p > 16) y = vload_n(row + 16, kc - p - 16);
            }
            _mm_prefetch(reinterpret_cast<const char*>(row + 128), _MM_HINT_T1);
            _mm_prefetch(reinterpret_cast<const char*>(row + 144), _MM_HINT_T1);
            range.add(x);
            range.add(y);
            split_pairs<F::planes_a>(x, y, panel + r * 32);
        }
    return range.range();
}
/// bf16: pairs as they lie in memory.
GK_INL vi vload_pairs(const bf16* p, size_t n) {
    return n >= 32 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi16((1u << n) - 1, p);
}
template <> Range pack_tile_a<tile_form<bf16>::type>(const bf16* a, size_t lda, size_t rows, size_t kc,
        uint16_t* panel) {
    RangeOfPairs range;
    for (size_t r = 0; r < PANEL; r++, a += lda)
        for (size_t p = 0; p < kc; p += 32) {
            const vi x = r < rows ? vload_pairs(a + p, kc - p) : viset(0);
            range.add(x);
            _mm512_store_si512(panel + p * 32 + r * 32, x);
        }
    return range.range();
}

/// The f32 panel of kc <= KC rows from p on, columns j .. j+cols-1 of the job: one that exists, or made in strip.
const float* float_panel(const impl::GemmJob& job, size_t p, size_t kc, size_t j, size_t cols, float* strip) {
    if (job.b.packed) return job.b.packed + p * job.b.packed_n + (job.column + j) * kc;
    job.b.panel(job.b, strip, p, kc, job.column + j, cols);
    return strip;
}
/// Up to 32 columns of B, rows p .. p+kc-1, to a panel of tiles, by way of f32 panels.
template <class F>
Range pack_tile_panel(const impl::GemmJob& job, size_t p, size_t kc, size_t j, size_t cols, uint16_t* panel,
        float* strip) {
    RangeOf range;
    for (size_t end = p + kc; p < end; p += KC) {
        const size_t       depth = least(end - p, KC);
        const float* const b = float_panel(job, p, depth, j, cols, strip);
        for (size_t q = 0; q < depth; q += 32, panel += F::step_b)
            for (size_t i = 0; i < 16; i++) {
                const size_t even = q + i * F::pair, odd = even + F::to_odd;
                for (size_t c = 0; c < PANEL; c += 16) {
                    const vf x = even < depth ? vload(b + even * NR + c) : vzero();
                    const vf y = odd < depth ? vload(b + odd * NR + c) : vzero();
                    range.add(x);
                    range.add(y);
                    split_pairs<F::planes_b>(x, y, panel + (c + i) * 32);
                }
            }
    }
    return range.range();
}
/// One plane of quantised weights: decoded by rows, 16 x 16 pairs transposed.
Range pack_tile_decoded(const impl::BSource& b, size_t p, size_t kc, size_t j, size_t cols, uint16_t* panel,
        float* row) {
    RangeOf range;
    for (size_t c = 0; c < PANEL; c += 16)
        for (size_t end = p + kc, from = p; from < end; from += KC) {
            const size_t depth = least(end - from, KC), steps = round_up(depth, 32) / 32;
            vf t[KC / 32][16];
            for (size_t i = 0; i < 16; i++) {
                if (c + i < cols)
                    b.dequant(static_cast<const uint8_t*>(b.data) + (j + c + i) * b.ld
                                      + from / b.block_weights * b.block_bytes, row, depth);
                else
                    memset(row, 0, depth * sizeof(float));
                memset(row + depth, 0, (steps * 32 - depth) * sizeof(float));
                for (size_t s = 0; s < steps; s++) {
                    const vf x = vload(row + 32 * s), y = vload(row + 32 * s + 16);
                    range.add(x);
                    range.add(y);
                    t[s][i] = vunbits(vpair(vround8(x), vround8(y)));
                }
            }
            for (size_t s = 0; s < steps; s++) {
                vtranspose(t[s]);
                float* const out = reinterpret_cast<float*>(panel + ((from - p) / 32 + s) * 1024 + c * 32);
                GK_UNROLL(16) for (size_t i = 0; i < 16; i++) vstore(out + i * 16, t[s][i]);
            }
        }
    return range.range();
}
/// The same from B[k][n] itself, nc columns to panels of `size`: whole rows, fetched 32 ahead.
template <class F>
void pack_tile_rows(const typename F::E* b, size_t ldb, size_t kc, size_t nc, uint16_t* panels, size_t size,
        Range* ranges) {
    RangeOf range[B_COLUMNS / PANEL];
    for (size_t p = 0; p < kc; p += 32)
        for (size_t i = 0; i < 16; i++)
            for (size_t c = 0; c < round_up(nc, PANEL); c += 16) {
                const size_t    l    = c < nc ? least(nc - c, 16) : 0;
                uint16_t* const out  = panels + c / PANEL * size + p / 32 * F::step_b + c % PANEL * 32;
                const typename F::E* const row = b + (p + i) * ldb + c;
                const vf x = p + i < kc ? vload_n(row, l) : vzero();
                const vf y = p + 16 + i < kc ? vload_n(row + 16 * ldb, l) : vzero();
                _mm_prefetch(reinterpret_cast<const char*>(row + 32 * ldb), _MM_HINT_T1);
                _mm_prefetch(reinterpret_cast<const char*>(row + 48 * ldb), _MM_HINT_T1);
                range[c / PANEL].add(x);
                range[c / PANEL].add(y);
                split_pairs<F::planes_b>(x, y, out + i * 32);
            }
    for (size_t i = 0; i * PANEL < nc; i++) ranges[i] = range[i].range();
}
/// bf16: two rows interleaved.
template <> void pack_tile_rows<tile_form<bf16>::type>(const bf16* b, size_t ldb, size_t kc, size_t nc,
        uint16_t* panels, size_t size, Range* ranges) {
    const vi left = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), right = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    RangeOfPairs range[B_COLUMNS / PANEL];
    for (size_t p = 0; p < round_up(kc, 32); p += 2)
        for (size_t c = 0; c < nc; c += PANEL) {
            const bf16* const row = b + p * ldb + c;
            uint16_t* const   out = panels + c / PANEL * size + p / 32 * 1024 + p % 32 * 16;
            const vi x = p < kc ? vload_pairs(row, nc - c) : viset(0);
            const vi y = p + 1 < kc ? vload_pairs(row + ldb, nc - c) : viset(0);
            const vi lo = _mm512_unpacklo_epi16(x, y), hi = _mm512_unpackhi_epi16(x, y);
            _mm_prefetch(reinterpret_cast<const char*>(row + 32 * ldb), _MM_HINT_T1);
            _mm_prefetch(reinterpret_cast<const char*>(row + 33 * ldb), _MM_HINT_T1);
            range[c / PANEL].add(x);
            range[c / PANEL].add(y);
            _mm512_store_si512(out,       _mm512_permutex2var_epi64(lo, left,  hi));
            _mm512_store_si512(out + 512, _mm512_permutex2var_epi64(lo, right, hi));
        }
    for (size_t i = 0; i * PANEL < nc; i++) ranges[i] = range[i].range();
}
/// bf16 from B[n][k]: 16 x 16 pairs transposed.
Range pack_tile_columns(const bf16* b, size_t ldb, size_t kc, size_t cols, uint16_t* panel) {
    RangeOfPairs range;
    for (size_t p = 0; p < kc; p += 32)
        for (size_t c = 0; c < PANEL; c += 16, panel += 512) {
            vf t[16];
            GK_UNROLL(16) for (size_t i = 0; i < 16; i++) {
                t[i] = c + i < cols ? vunbits(vload_pairs(b + (c + i) * ldb + p, kc - p)) : vzero();
                range.add(vbits(t[i]));
            }
            vtranspose(t);
            GK_UNROLL(16) for (size_t i = 0; i < 16; i++) vstore(reinterpret_cast<float*>(panel + i * 32), t[i]);
        }
    return range.range();
}
/// Panels, so far apart, and the range of each.
struct TilePanels { uint16_t* at; size_t size; Range* ranges; };
/// Columns j .. j+nc-1 of the job's B, rows p .. p+kc-1, to panels.
template <class F> void pack_tile_b(const impl::GemmJob& job, size_t p, size_t kc, size_t j, size_t nc,
        TilePanels to, float* strip) {
    using E = typename F::E;
    const E* const b = static_cast<const E*>(job.b.data);
    const size_t   column = job.column + j;
    if (!job.b.packed && job.b.panel == &panel_rows<E>) {
        pack_tile_rows<F>(b + p * job.b.ld + column, job.b.ld, kc, nc, to.at, to.size, to.ranges);
        return;
    }
    for (size_t c = 0; c < nc; c += PANEL, to.at += to.size, to.ranges++) {
        const size_t cols = least(nc - c, PANEL);
        if (F::as_it_is && !job.b.packed && job.b.panel == &panel_transposed<E>)
            *to.ranges = pack_tile_columns(reinterpret_cast<const bf16*>(b) + (column + c) * job.b.ld + p, job.b.ld,
                                           kc, cols, to.at);
        else if (F::planes_b == 1 && job.b.dequant)
            *to.ranges = pack_tile_decoded(job.b, p, kc, column + c, cols, to.at, strip);
        else
            *to.ranges = pack_tile_panel<F>(job, p, kc, j + c, cols, to.at, strip);
    }
}

// ---- panels of bf16 made ahead: the ranges of all panels, then the panels, TK of k by TK of k

struct PackedTiles {
    using F = tile_form<bf16>::type;
    size_t padded, ranges;
    PackedTiles(size_t n, size_t k) : padded(round_up(n, PANEL)), ranges((k + F::tk - 1) / F::tk * (padded / PANEL)) {}
    size_t data() const { return round_up(ranges * sizeof(Range), 64); }
    /// Index of the range, and of the first element of the panel, of columns j .. over the block of k that begins at p,
    /// kc deep.
    size_t range(size_t p, size_t j) const              { return p / F::tk * (padded / PANEL) + j / PANEL; }
    size_t panel(size_t p, size_t kc, size_t j) const   { return p * padded + j * round_up(kc, 32); }
};
size_t packed_tiles_bytes(size_t n, size_t k) {
    const PackedTiles at(n, k);
    return at.data() + at.padded * round_up(k, 32) * sizeof(bf16);
}
void pack_tiles(const impl::BSource& b, size_t n, size_t k, size_t begin, size_t end, void* panels) {
    using F = PackedTiles::F;
    const PackedTiles at(n, k);
    Range* const    ranges = static_cast<Range*>(panels);
    uint16_t* const tiles  = reinterpret_cast<uint16_t*>(static_cast<char*>(panels) + at.data());
    impl::GemmJob   job = {};
    job.b = b;
    for (size_t p = 0; p < k; p += F::tk) {
        const size_t kc = least(k - p, F::tk);
        for (size_t j = begin; j < end; j += PANEL)
            pack_tile_b<F>(job, p, kc, j, least(n - j, PANEL),
                           {tiles + at.panel(p, kc, j), 0, ranges + at.range(p, j)}, nullptr);
    }
}
/// Back to floats, where tiles are not used.
void panel_tiles(const impl::BSource& b, float* out, size_t p, size_t kc, size_t j, size_t) {
    using F = PackedTiles::F;
    const PackedTiles at(b.packed_n, b.ld);
    const size_t block = p / F::tk * F::tk;
    const uint16_t* tiles = reinterpret_cast<const uint16_t*>(static_cast<const char*>(b.data) + at.data())
                          + at.panel(block, least(b.ld - block, F::tk), j) + (p - block) / 32 * F::step_b;
    for (size_t i = 0; i < kc; i += 2, tiles += i % 32 ? 32 : F::step_b - 15 * 32)
        for (size_t c = 0; c < PANEL; c += 16) {
            const vi pairs = viload(tiles + c * 32);
            vstore(out + i * NR + c, vunbits(_mm512_slli_epi32(pairs, 16)));
            if (i + 1 < kc) vstore(out + (i + 1) * NR + c, vunbits(viand(pairs, viset(-0x10000))));
        }
}
void take_tiles(impl::BSource& b, const void* panels, size_t n, size_t k) {
    b.data     = panels;
    b.ld       = k;
    b.packed_n = n;
    b.panel    = &panel_tiles;
}

// ---- the nest

/// The parts of a thread's scratch, in floats from its start.
template <class F> struct TileScratch {
    size_t b, sums, strip, wide, total;
    TileScratch(size_t m, size_t n, size_t k) {
        const size_t steps = round_up(least(k, F::tk), 32) / 32, rows = least(round_up(m, PANEL), C_ROWS);
        b     = rows * steps * 16 * F::planes_a;
        sums  = b + least(round_up(n, PANEL), B_COLUMNS) * steps * 16 * F::planes_b;
        const bool own_sums = sizeof(typename F::E) != sizeof(float) && k > F::tk;
        strip = sums + (own_sums ? rows * least(round_up(n, PANEL), C_COLUMNS) : 0);
        wide  = strip + KC * NR;
        total = wide + KC * PANEL;
    }
};

/// Where tiles add up over k: C itself for float, f32 sums in scratch for the 16-bit types.
GK_INL float* sums_in(float* c, float*)                          { return c; }
template <class E> GK_INL float* sums_in(E*, float* scratch)     { return scratch; }

/// Rows i .. of C and columns j .., and their part over kc of k from p on.
struct TileOfProduct { size_t i, rows, j, cols, p, kc; };

/// t[32][32] = that part, by fused multiply-adds.
template <class E>
void fused_tile(const impl::GemmJob& job, const TileOfProduct& of, float* t, float* wide, float* strip) {
    for (size_t q = 0; q < of.kc; q += KC) {
        const size_t depth = least(of.kc - q, KC);
        for (size_t r = 0; r < of.rows; r++)
            convert(static_cast<const E*>(job.a) + (of.i + r) * job.lda + of.p + q, wide + r * KC, depth);
        const float* const b = float_panel(job, of.p + q, depth, of.j, of.cols, strip);
        for (size_t d = 0; d < depth; d += CHAIN)
            for (size_t r = 0; r < of.rows; r += MR)
                any_tile({least(depth - d, CHAIN), wide + r * KC + d, KC, 1, b + d * NR, NR,
                          t + r * PANEL, PANEL, q + d != 0, 0}, least(of.rows - r, MR), of.cols);
    }
}

template <class F> struct TileNest {
    using E = typename F::E;
    static constexpr bool is_f32 = sizeof(E) == sizeof(float);

    const impl::GemmJob&  job;
    const TileScratch<F>  at{job.part_m, job.part_n, job.k};
    const size_t          ld_sums = is_f32 ? job.ldc : least(round_up(job.part_n, PANEL), C_COLUMNS);
    const E* const        bias    = static_cast<const E*>(job.bias);
    Range                 a_range[C_ROWS / PANEL], b_range[B_COLUMNS / PANEL];
    alignas(64) float     sum[B_COLUMNS / PANEL][PANEL * PANEL];

    explicit TileNest(const impl::GemmJob& j) : job(j) {}

    /// Of C rows i .. i_end-1 and columns j .. j_end-1, their part over kc of k from p on, in so many steps of 32.
    struct Block {
        size_t i, i_end, j, j_end, p, kc, steps;
        bool   done;                                            // does finish() write C?
        size_t a_size() const { return steps * F::step_a; }
        size_t b_size() const { return steps * F::step_b; }
    };
    /// nc columns from j on, in panels.
    struct Columns { size_t j, nc; const uint16_t* panels; const Range* ranges; };

    uint16_t* a_panel(const Block& b, size_t i) const {
        return reinterpret_cast<uint16_t*>(job.scratch) + (i - b.i) / PANEL * b.a_size();
    }
    float* strip() const { return job.scratch + at.strip; }

    void pack_a(const Block& b) {
        const E* const a = static_cast<const E*>(job.a) + b.p;
        for (size_t i = b.i; i < b.i_end; i += PANEL)
            a_range[(i - b.i) / PANEL] = pack_tile_a<typename F::packing>(
                    a + i * job.lda, job.lda, least(b.i_end - i, PANEL), b.kc, a_panel(b, i));
    }
    Columns pack_b(const Block& b, size_t j) {
        const size_t nc = least(b.j_end - j, B_COLUMNS);
        if (F::as_it_is && job.b.panel == &panel_tiles) {
            const PackedTiles ready(job.b.packed_n, job.b.ld);
            const char* const packed = static_cast<const char*>(job.b.data);
            const uint16_t* const panels = reinterpret_cast<const uint16_t*>(packed + ready.data());
            return {j, nc, panels + ready.panel(b.p, b.kc, job.column + j),
                    reinterpret_cast<const Range*>(packed) + ready.range(b.p, job.column + j)};
        }
        uint16_t* const panels = reinterpret_cast<uint16_t*>(job.scratch + at.b);
        pack_tile_b<typename F::packing>(job, b.p, b.kc, j, nc, {panels, b.b_size(), b_range}, strip());
        return {j, nc, panels, b_range};
    }
    /// sum[..] = rows i .. of the block by the columns, where tiles hold both. One panel of A: B streams past it.
    void multiply(const Block& b, const Columns& c, size_t i, const float* sums) {
        const uint16_t* const a      = a_panel(b, i);
        const uint16_t* const a_next = i + PANEL < b.i_end ? a + b.a_size() : a_panel(b, b.i);
        const Range&          range  = a_range[(i - b.i) / PANEL];
        const size_t          chunk  = b.i_end - b.i <= PANEL ? b.steps : F::chunk;
        impl::TileAhead ahead = {nullptr, ld_sums * sizeof(float), reinterpret_cast<const char*>(a_next),
                                 least(b.i_end - i, PANEL)};
        for (size_t q = 0; q < b.steps; q += chunk)
            for (size_t j = 0; j < c.nc; j += PANEL, ahead.panel += chunk * F::ahead) {
                ahead.row = reinterpret_cast<const char*>(sums + q * PANEL / b.steps * ld_sums + j);
                if (range.suits(c.ranges[j / PANEL]))
                    F::kernel(least(b.steps - q, chunk), a + q * F::step_a,
                              c.panels + j / PANEL * b.b_size() + q * F::step_b, sum[j / PANEL], q, &ahead);
            }
    }
    /// sum[..] to C, or to what is added up over k.
    void store(const Block& b, const Columns& c, size_t i, float* sums) {
        const size_t rows = least(b.i_end - i, PANEL);
        const Range& range = a_range[(i - b.i) / PANEL];
        E* const     to    = static_cast<E*>(job.c) + i * job.ldc + c.j;
        for (size_t j = 0; j < c.nc; j += PANEL) {
            const size_t cols = least(c.nc - j, PANEL);
            float* const t    = sum[j / PANEL];
            if (!range.suits(c.ranges[j / PANEL]))
                fused_tile<E>(job, {i, rows, c.j + j, cols, b.p, b.kc}, t, job.scratch + at.wide, strip());
            if (b.done && b.p) move_tile(sums + j, ld_sums, t, PANEL, rows, cols, true);
            if (b.done) finish(t, PANEL, bias ? bias + c.j + j : nullptr, job.act, to + j, job.ldc, rows, cols);
            else        move_tile(t, PANEL, sums + j, ld_sums, rows, cols, b.p != 0);
        }
    }
    void run_block(const Block& b) {
        pack_a(b);
        for (size_t j = b.j; j < b.j_end; j += B_COLUMNS) {
            const Columns c = pack_b(b, j);
            for (size_t i = b.i; i < b.i_end; i += PANEL) {
                float* const sums = sums_in(static_cast<E*>(job.c) + i * job.ldc + j,
                                            job.scratch + at.sums + (i - b.i) * ld_sums + (j - b.j));
                multiply(b, c, i, sums);
                store(b, c, i, sums);
            }
        }
    }
    void run() {
        const bool finished = !is_f32 || bias || job.act != Activation::none;
        for (size_t j = 0; j < job.n; j += C_COLUMNS)
            for (size_t i = 0; i < job.m; i += C_ROWS)
                for (size_t p = 0; p < job.k; p += F::tk) {
                    const size_t kc = least(job.k - p, F::tk);
                    run_block({i, least(job.m, i + C_ROWS), j, least(job.n, j + C_COLUMNS), p, kc, (kc + 31) / 32,
                               finished && p + kc == job.k});
                }
    }
};
template <class F> void tiles_run(const impl::GemmJob& job) {
    F::use(1);
    TileNest<F>(job).run();
    F::use(0);
}

// ---- plain codes in AMX-INT8 tiles: fixed point as in [15], with one scale for SCALE_K of a row, whose sums are int32
//
// A panel of x: the scales of its 32 rows, then for each digit from the highest, for each 64 of k, two tiles of 16
// rows. The step of the fixed point is to stay small beside the largest of every group of 32, or the product is left to
// others.

constexpr size_t SCALE_K = 1024, DN = 128, DIGIT_STEP = 2048, DIGIT_CHUNK = 8;

GK_INL size_t digit_steps(size_t k)                { return (k + 63) / 64; }
GK_INL size_t digit_panel_bytes(size_t kc, size_t digits) {
    return PANEL * sizeof(float) + digits * digit_steps(kc) * DIGIT_STEP;
}
/// Bytes of the panels of all m rows over the k before p.
GK_INL size_t tile_digits_before(size_t m, size_t p, size_t digits) {
    return round_up(m, PANEL) / PANEL * (p / SCALE_K) * digit_panel_bytes(SCALE_K, digits);
}
size_t tile_digits_floats(size_t m, size_t k, size_t digits) {
    const size_t last = round_up(m, PANEL) / PANEL * digit_panel_bytes(k % SCALE_K, digits);
    return (tile_digits_before(m, k, digits) + last) / sizeof(float);
}

/// kc of a row to row r of a panel, whose digits lie `plane` bytes apart.
bool pack_tile_digits_row(const float* x, size_t kc, size_t digits, size_t r, size_t plane, uint8_t* panel) {
    float top = 0, maxima[SCALE_K / 32];
    for (size_t p = 0; p < kc; p += 32) {
        const float max = maxima[p / 32] = group_maximum(x + p, least(kc - p, 32));
        if (max != max) return false;
        if (max > top) top = max;
    }
    for (size_t p = 0; p < kc; p += 32)
        if (maxima[p / 32] != 0 && maxima[p / 32] * 32 < top) return false;
    const float one = full_scale(digits), d = top / one;
    memcpy(panel + r * sizeof d, &d, sizeof d);
    uint8_t* const out = panel + PANEL * sizeof(float) + r / 16 * 1024 + r % 16 * 64;
    for (size_t p = 0; p < round_up(kc, 64); p += 32) {
        int32_t q[32];
        to_digits(x + p, p < kc ? least(kc - p, 32) : 0, top == 0 ? 0 : one / top, q);
        for (size_t k = 0; k < digits; k++) {
            const vb bytes = bxor(base::qbytes(q, 8 * static_cast<int>(digits - 1 - k)), bset(128));
            memcpy(out + k * plane + p / 64 * DIGIT_STEP + p % 64, &bytes, 32);
        }
    }
    return true;
}
bool pack_tile_digits(const float* x, size_t m, size_t k, size_t digits, size_t from, size_t to, uint8_t* packed,
        uint8_t* odd) {
    if (!impl::int8_tiles_allowed()) return false;
    memset(odd + from, 0, to - from);
    for (size_t p = 0; p < k; p += SCALE_K) {
        const size_t kc = least(k - p, SCALE_K), size = digit_panel_bytes(kc, digits);
        for (size_t i = from / PANEL * PANEL; i < to; i += PANEL) {
            uint8_t* const panel = packed + tile_digits_before(m, p, digits) + i / PANEL * size;
            if (m - i < PANEL) memset(panel, 0, size);
            for (size_t r = 0; r < least(m - i, PANEL); r++)
                if (!pack_tile_digits_row(x + (i + r) * k + p, kc, digits, r, digit_steps(kc) * DIGIT_STEP, panel))
                    return false;
        }
    }
    return true;
}
/// kc codes of columns j .. j+cols-1 from p on: for each 64 of k two tiles, row j of a tile being k = 4j .. 4j+3 of 16
/// columns.
void pack_tile_codes(const impl::DigitJob& job, size_t p, size_t kc, size_t j, size_t cols, float* panel) {
    float rows[PANEL * SCALE_K / 4];
    base::unpack_columns(job, p, kc, j, cols, 0, {PANEL, rows, SCALE_K});
    for (size_t s = 0; s < digit_steps(kc); s++)
        for (size_t c = 0; c < PANEL; c += 16, panel += 256)
            transpose(rows + c * (SCALE_K / 4) + s * 16, SCALE_K / 4, 16, 16, panel, 16);
}

constexpr size_t TILE_CODES = SCALE_K / 64 * DIGIT_STEP / sizeof(float);              // floats of a panel of W

void tile_digit_product(const impl::DigitJob& job) {
    constexpr size_t panels = DN / PANEL;
    float* const   b_block = job.scratch;
    int32_t* const sums    = reinterpret_cast<int32_t*>(job.scratch + panels * TILE_CODES); // [digit][panel][32][32]
    tile_form<float>::type::use(1);
    for (size_t p = 0; p < job.k; p += SCALE_K) {
        const size_t kc = least(job.k - p, SCALE_K), steps = digit_steps(kc), plane = steps * DIGIT_STEP;
        const size_t size = digit_panel_bytes(kc, job.digits);
        for (size_t j0 = 0; j0 < job.n; j0 += DN) {
            const size_t nc = least(job.n - j0, DN);
            for (size_t j = 0; j < nc; j += PANEL)
                pack_tile_codes(job, p, kc, j0 + j, least(nc - j, PANEL), b_block + j / PANEL * TILE_CODES);
            const uint8_t* a_panel = job.packed + tile_digits_before(job.m, p, job.digits);
            for (size_t i = 0; i < job.m; i += PANEL, a_panel += size) {
                impl::TileAhead ahead = {nullptr, job.ldy * sizeof(float),
                                         reinterpret_cast<const char*>(a_panel + size), least(job.m - i, PANEL)};
                for (size_t d = 0; d < job.digits; d++)
                    for (size_t q = 0; q < steps; q += DIGIT_CHUNK)
                        for (size_t j = 0; j < nc; j += PANEL, ahead.panel += DIGIT_CHUNK * 256) {
                            const uint8_t* const a = a_panel + PANEL * sizeof(float) + d * plane + q * DIGIT_STEP;
                            const size_t row = i + (d * steps + q) * PANEL / (job.digits * steps);
                            ahead.row = reinterpret_cast<const char*>(job.y + row * job.ldy + j0 + j);
                            bytes_in_tiles(least(steps - q, DIGIT_CHUNK), reinterpret_cast<const int8_t*>(a),
                                           reinterpret_cast<const int8_t*>(b_block + j / PANEL * TILE_CODES)
                                                   + q * DIGIT_STEP,
                                           sums + (d * panels + j / PANEL) * PANEL * PANEL, q, &ahead);
                        }
                for (size_t r = 0; r < least(job.m - i, PANEL); r++)
                    for (size_t j = 0; j < nc; j += VF) {
                        float scale = impl::load_as<float>(a_panel + r * sizeof(float))
                                * (job.digits == 2 ? 256.0f : 65536.0f);
                        vf    v = vzero();
                        for (size_t d = 0; d < job.digits; d++, scale /= 256)
                            v = vfma(vfloat(viload(sums + ((d * panels + j / PANEL) * PANEL + r) * PANEL + j % PANEL)),
                                     vset(scale), v);
                        float* const y = job.y + (i + r) * job.ldy + j0 + j;
                        const size_t l = least(nc - j, VF);
                        vstore_n(y, p ? vadd(vload_n(y, l), v) : v, l);
                    }
            }
        }
    }
    tile_form<float>::type::use(0);
}
constexpr impl::DigitKernels tile_digit_kernels() {
    impl::DigitKernels d;
    d.rows    = PANEL;
    d.columns = PANEL;
    d.exact   = 3;
    d.fast    = 2;
    d.longest = LONG_K;
    d.thread_floats = DN / PANEL * TILE_CODES + 3 * DN * PANEL;
    d.packed_floats = &tile_digits_floats;
    d.pack    = &pack_tile_digits;
    d.run     = &tile_digit_product;
    return d;
}
constexpr impl::DigitKernels tile_digits = tile_digit_kernels();

// ---- the kernels

/// Of all forms of float the exact one takes most.
template <class E> size_t tiles_scratch(size_t m, size_t n, size_t k) {
    const size_t fused = scratch_floats<E>(m, n, k), tiles = TileScratch<typename tile_form<E>::type>(m, n, k).total;
    return fused > tiles ? fused : tiles;
}
template <class F> bool takes_tiles(bool packed, bool ready, size_t m, size_t n, size_t k) {
    const impl::TileShape shape = {F::planes_a, F::planes_b, F::tk, F::few, packed, ready};
    return impl::tiles_win(shape, m, n, k) && F::allowed();
}
template <class E, class F = typename tile_form<E>::type> void tiles_or_fused(const impl::GemmJob& job) {
    const bool ready = F::as_it_is && job.b.panel == &panel_tiles;
    if (takes_tiles<F>(job.b.packed != nullptr, ready, job.all_m, job.all_n, job.k)) tiles_run<F>(job);
    else gemm_run<E>(job);
}
template <class E> bool floats_in_tiles(bool packed, size_t m, size_t n, size_t k) {
    return takes_tiles<typename tile_form<E>::type>(packed, false, m, n, k);
}
/// f32: three terms are all of a float, one all of a code; products of fewer than nine where one factor has fewer.
template <class E> impl::RunPart* run_terms(size_t a, size_t b) {
    using impl::RunPart;
    if (sizeof(E) != sizeof(float) || (a == 3 && b == 3)) return &tiles_or_fused<E>;
    if (b == 3) return a == 1 ? &tiles_or_fused<float, TileForm<float, 1, 3, 512, 8>> : &tiles_or_fused<E>;
    if (a == 1) return &tiles_or_fused<float, TileForm<float, 1, 1, 1024, 8>>;
    return a == 2 ? &tiles_or_fused<float, TileForm<float, 2, 1, 512, 8>>
                  : &tiles_or_fused<float, TileForm<float, 3, 1, 512, 4>>;
}
template <class E> constexpr impl::GemmKernels tiles_kernels() {
    impl::GemmKernels g = gemm_kernels<E>();
    g.mr = PANEL;
    g.shallow = 0;                                              // more rows than few: tiles, whatever k
    g.scratch_floats = &tiles_scratch<E>;
    g.run = &tiles_or_fused<E>;
    g.in_tiles = &floats_in_tiles<E>;
    g.run_terms = &run_terms<E>;
    constexpr int own = Element<E>::ELEM_ID, in_bf16 = Element<bf16>::ELEM_ID;
    for (int i = 0; i < 3; i++)                                 // planes of bf16 alone hold no other weights
        if (i == own || own != in_bf16) g.by[i].run = g.run;
    if (sizeof(E) == sizeof(float)) g.by[in_bf16].run = &tiles_or_fused<float, TileForm<float, 3, 1, 512, 4>>;
    if (sizeof(E) == sizeof(float)) g.digits = &tile_digits;
    if (tile_form<E>::type::as_it_is) {
        g.packed_bytes = &packed_tiles_bytes;
        g.pack         = &pack_tiles;
        g.take_packed  = &take_tiles;
    }
    return g;
}
template <class E> constexpr impl::GemmKernels tiles_table = tiles_kernels<E>();
constexpr impl::GemmKernels pairs_kernels() {
    impl::GemmKernels g = tiles_kernels<bf16>();
    g.run       = &tiles_or_fused<bf16, PairsForm>;
    g.by[Element<bf16>::ELEM_ID].run = g.run;
    g.run_terms = [](size_t, size_t) -> impl::RunPart* { return &tiles_or_fused<bf16, PairsForm>; };
    return g;
}
constexpr impl::GemmKernels pairs_table = pairs_kernels();

#endif

// ---- the tables of this pass --------------------------------------------------

template <class E>
constexpr KernelTable<E> kernel_table(const impl::FormatKernels* formats,
        const impl::GemmKernels* gemm = &gemm_table<E>) {
    KernelTable<E> t = {};
    t.isa             = Isa::GK_ISA;
    t.vec_dot         = &vec_dot<E>;
    t.vec_add         = &vec_add<E>;
    t.vec_sub         = &vec_sub<E>;
    t.vec_mul         = &vec_mul<E>;
    t.vec_scale       = &vec_scale<E>;
    t.vec_axpy        = &vec_axpy<E>;
    t.vec_sum         = &vec_sum<E>;
    t.vec_max         = &vec_max<E>;
    t.vec_sum_squares = &vec_sum_squares<E>;
    t.gemv            = &gemv<E>;
    t.silu            = &silu<E>;
    t.gelu            = &gelu<E>;
    t.gelu_erf        = &gelu_erf<E>;
    t.gelu_quick      = &gelu_quick<E>;
    t.relu            = &relu<E>;
    t.tanh            = &tanh<E>;
    t.exp             = &exp<E>;
    t.swiglu          = &swiglu<E>;
    t.softmax         = &softmax<E>;
    t.rms_norm        = &rms_norm<E>;
    t.layer_norm      = &layer_norm<E>;
    t.rope            = &rope<E>;
    t.widen           = &convert<E, float>;
    t.narrow          = &convert<float, E>;
    t.gemm            = gemm;
    t.attention       = &attention_table<E>;
    t.checkpoints     = &checkpoint_kernels;
    t.formats         = formats;
#ifdef GLLM_KERNELS_COMPILER
    t.map             = &run_map;
#endif
    return t;
}

#endif // !GK_FEATURE
#endif // GK_PASS != GK_TRACE

} // unnamed namespace

#if GK_PASS != GK_TRACE
#define GK_PRODUCTS GK_NS::GK_FEATURE_NS::format_table
#if GK_FEATURE
namespace with_feature { namespace GK_FEATURE_NS {
#endif
extern const KernelTable<float> table_f32;
extern const KernelTable<f16>   table_f16;
extern const KernelTable<bf16>  table_bf16;
const KernelTable<float> table_f32  = kernel_table<float>(GK_PRODUCTS);
const KernelTable<f16>   table_f16  = kernel_table<f16>(GK_PRODUCTS);
const KernelTable<bf16>  table_bf16 = kernel_table<bf16>(GK_PRODUCTS);
#if GK_FEATURE
} }
#endif
#if defined(GK_TILES) && GK_FEATURE == GK_AVX512VNNI
namespace with_tiles {
extern const KernelTable<float> table_f32;
extern const KernelTable<f16>   table_f16;
extern const KernelTable<bf16>  table_bf16;
const KernelTable<float> table_f32  = kernel_table<float>(GK_PRODUCTS, &tiles_table<float>);
const KernelTable<f16>   table_f16  = kernel_table<f16>(GK_PRODUCTS, &tiles_table<f16>);
const KernelTable<bf16>  table_bf16 = kernel_table<bf16>(GK_PRODUCTS, &tiles_table<bf16>);
}
namespace with_pairs {
extern const KernelTable<bf16>  table_bf16;
const KernelTable<bf16>  table_bf16 = kernel_table<bf16>(GK_PRODUCTS, &pairs_table);
}
#endif
#undef GK_PRODUCTS
#endif // GK_PASS != GK_TRACE

} // namespace GK_NS
GK_NAMESPACE_END
#undef GK_ASM_PASS
#undef GK_TILES
#ifdef GK_EDITOR
#undef GK_PASS
#undef GK_NS
#undef GK_ISA
#undef GK_FEATURE
#undef GK_FEATURE_NS
#if GK_HAS_AVX2
GK_REGION_END
#endif
#endif

#endif // GK_PASS

#ifndef GK_PASS
#if defined(GLLM_KERNELS_IMPLEMENTATION) && !defined(GLLM_KERNELS_EXPANDED)
#define GLLM_KERNELS_EXPANDED

// ============================================================================
// [17] INSTRUCTION-SET EXPANSION: the file includes itself, once per set
// ============================================================================
//
// All functions of a pass sit in an unnamed namespace: nothing compiled for one set can stand in for anything compiled
// for another. A pass leaves three tables behind.

#if defined(GLLM_KERNELS_ASM) && (defined(__x86_64__) || GK_ARM64)      // asm/ has nothing for the others
// One name that says what is wrong, for the linker to print when the objects of asm/ are missing or of another version.
extern "C" const int GLLM_KERNELS_ASM_is_defined_but_the_objects_of_asm_are_not_linked_v1;
#if GK_WANTED(GK_DISPATCH)
GK_NAMESPACE_BEGIN
namespace impl {
extern const int* const asm_objects;
GK_INTERNAL const int* const asm_objects = &GLLM_KERNELS_ASM_is_defined_but_the_objects_of_asm_are_not_linked_v1;
}
GK_NAMESPACE_END
#endif
#endif

#if GK_WANTED(GK_SCALAR)
#define GK_PASS GK_SCALAR
#define GK_NS   scalar
#define GK_ISA  scalar
#include GLLM_KERNELS_SELF
#endif

#if GK_HAS_AVX2 && GK_WANTED(GK_AVX2)
GK_REGION("avx2,fma,f16c")
#define GK_PASS GK_AVX2
#define GK_NS   avx2
#define GK_ISA  avx2
#include GLLM_KERNELS_SELF
GK_REGION_END
#endif

#if GK_HAS_AVX_VNNI && GK_WANTED(GK_AVX2)
GK_REGION("avx2,fma,f16c,avxvnni")
#define GK_PASS    GK_AVX2
#define GK_NS      avx2
#define GK_ISA     avx2
#define GK_FEATURE GK_AVXVNNI
#define GK_FEATURE_NS vnni
#include GLLM_KERNELS_SELF
GK_REGION_END
#endif

#if GK_HAS_AVX512 && GK_WANTED(GK_AVX512)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"          // false alarms of gcc 12's avx512fintrin.h, PR 105593
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wsign-conversion"              // masks of all ones in its macros at -O0
#endif
GK_REGION("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
#define GK_PASS GK_AVX512
#define GK_NS   avx512
#define GK_ISA  avx512
#include GLLM_KERNELS_SELF
GK_REGION_END

GK_REGION("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define GK_PASS    GK_AVX512
#define GK_NS      avx512
#define GK_ISA     avx512
#define GK_FEATURE GK_AVX512VNNI
#define GK_FEATURE_NS vnni
#include GLLM_KERNELS_SELF
GK_REGION_END
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

#if GK_HAS_NEON && GK_WANTED(GK_NEON)
#if GK_ARM32
GK_REGION("fpu=neon-vfpv4")
#endif
#define GK_PASS GK_NEON
#define GK_NS   neon
#define GK_ISA  neon
#include GLLM_KERNELS_SELF
#if GK_ARM32
GK_REGION_END
#endif
#endif

#if GK_HAS_DOTPROD && GK_WANTED(GK_NEON)
GK_REGION("arch=armv8.2-a+dotprod")
#define GK_PASS    GK_NEON
#define GK_NS      neon
#define GK_ISA     neon
#define GK_FEATURE GK_DOTPROD
#define GK_FEATURE_NS dotprod
#include GLLM_KERNELS_SELF
GK_REGION_END
#endif

#if GK_HAS_I8MM && GK_WANTED(GK_NEON)
GK_REGION("arch=armv8.2-a+dotprod+i8mm")
#define GK_PASS    GK_NEON
#define GK_NS      neon
#define GK_ISA     neon
#define GK_FEATURE GK_I8MM
#define GK_FEATURE_NS i8mm
#include GLLM_KERNELS_SELF
GK_REGION_END
#endif

// ---- emulated sets: the same passes through SIMDe -----------------------------
//
// SIMDe gives its functions the names of the intrinsics by macros, so it comes after the native passes. What it lacks
// in some version, or does not fuse, is supplied here by functions of these names, which a pass finds before global
// ones.
//
// Tests alone run them, so they are made to compile fast: nothing is unrolled or inlined by force, as each intrinsic is
// a loop, and gcc optimises a little.

#if defined(GLLM_KERNELS_EMULATE) && GK_WANTED(GK_DISPATCH)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O1")
#endif
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>
#include <simde/x86/f16c.h>
#if !GK_HAS_NEON
#include <simde/arm/neon.h>
#endif
#ifndef _MM_FROUND_NO_EXC
#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC
#endif
#ifndef __mmask16
#define __mmask16 simde__mmask16
#endif
#undef _mm512_cvtph_ps
#undef _mm512_cvtps_ph
#undef _mm512_cvtepu16_epi32
#undef _mm512_cvtepi32_epi16
#undef _mm512_cvtepi8_epi32
#undef _mm512_cvtepi32_ps
#undef _mm512_cvtps_epi32
#undef _mm512_sra_epi32
#undef _mm512_maskz_loadu_ps
#undef _mm512_mask_storeu_ps
#undef _mm512_extractf32x8_ps
#undef _mm512_broadcast_i32x8
#undef _mm512_permute_ps
#undef _mm512_shuffle_f32x4
#undef _mm512_fmaddsub_ps
#undef _mm512_fmadd_ps
#undef _mm512_fnmadd_ps
#undef _mm512_scalef_ps
#undef _mm512_maskz_scalef_ps
#undef _mm512_maskz_rcp14_ps
#undef _mm256_maskz_loadu_epi16
#undef _mm256_mask_storeu_epi16
#if !GK_HAS_AVX2
#undef _mm256_maskload_ps
#undef _mm256_maskstore_ps
#undef _mm256_fmadd_ps
#undef _mm256_fnmadd_ps
#endif

GK_NAMESPACE_BEGIN
namespace impl {
namespace shim {

template <class L, size_t N> struct Lanes {
    L l[N];
    Lanes() : l() {}
    template <class V> Lanes(const V& v) {
        static_assert(sizeof(V) == sizeof l, "as many lanes");
        memcpy(l, &v, sizeof l);
    }
    template <class V> operator V() const { V v; memcpy(&v, l, sizeof l); return v; }
    const L& operator[](size_t i) const { return l[i]; }
};
using F8  = Lanes<float, 8>;
using F16 = Lanes<float, 16>;
using I8  = Lanes<int32_t, 8>;
using I16 = Lanes<int32_t, 16>;
using B16 = Lanes<int8_t, 16>;
using H16 = Lanes<uint16_t, 16>;
template <class L, size_t N> GK_INL Lanes<L, N> loaded(unsigned mask, const void* p) {
    Lanes<L, N> r;
    for (size_t i = 0; i < N; i++) if (mask >> i & 1) r.l[i] = load_as<L>(static_cast<const L*>(p) + i);
    return r;
}
template <class L, size_t N> GK_INL void store(void* p, unsigned mask, const Lanes<L, N>& a) {
    for (size_t i = 0; i < N; i++) if (mask >> i & 1) memcpy(static_cast<L*>(p) + i, &a.l[i], sizeof(L));
}
GK_INL unsigned signs(const I8& m) {
    unsigned r = 0;
    for (size_t i = 0; i < 8; i++) r |= (m[i] < 0 ? 1u : 0u) << i;
    return r;
}
GK_INL int32_t to_i32(float x) {
    return x >= -2147483648.0f && x < 2147483648.0f ? static_cast<int32_t>(round32(x)) : INT32_MIN;
}
GK_INL float scaled(float x, float power) {                     // x 2^floor(power)
    if (power != power) return power;
    const float n = power < -4000.0f ? -4000.0f : power > 4000.0f ? 4000.0f : floorf(power);
    return static_cast<float>(ldexp(static_cast<double>(x), static_cast<int>(n)));
}

#define GK_EACH(type, value) { \
    type r; \
    for (size_t i = 0; i < sizeof r.l / sizeof r.l[0]; i++) r.l[i] = value; \
    return r; \
}

GK_INL __m512  _mm512_cvtph_ps(H16 a)                       GK_EACH(F16, f16_to_f32(a[i]))
GK_INL __m256i _mm512_cvtps_ph(F16 a, int)                  GK_EACH(H16, f32_to_f16(a[i]))
GK_INL __m512i _mm512_cvtepu16_epi32(H16 a)                 GK_EACH(I16, a[i])
GK_INL __m256i _mm512_cvtepi32_epi16(I16 a)                 GK_EACH(H16, static_cast<uint16_t>(a[i]))
GK_INL __m512i _mm512_cvtepi8_epi32(B16 a)                  GK_EACH(I16, a[i])
GK_INL __m512  _mm512_cvtepi32_ps(I16 a)                    GK_EACH(F16, static_cast<float>(a[i]))
GK_INL __m512i _mm512_cvtps_epi32(F16 a)                    GK_EACH(I16, to_i32(a[i]))
GK_INL __m512i _mm512_sra_epi32(I16 a, __m128i n)           GK_EACH(I16, a[i] >> _mm_cvtsi128_si32(n))
GK_INL __m256  _mm512_extractf32x8_ps(F16 a, int hi)        GK_EACH(F8,  a[i + 8 * static_cast<size_t>(hi)])
GK_INL __m512i _mm512_broadcast_i32x8(I8 a)                 GK_EACH(I16, a[i % 8])
GK_INL __m512  _mm512_permute_ps(F16 a, unsigned k)         GK_EACH(F16, a[i / 4 * 4 + (k >> (2 * (i % 4)) & 3)])
GK_INL __m512  _mm512_shuffle_f32x4(F16 a, F16 b, unsigned k)
    GK_EACH(F16, (i < 8 ? a : b)[4 * (k >> (2 * (i / 4)) & 3) + i % 4])
GK_INL __m512  _mm512_fmaddsub_ps(F16 a, F16 b, F16 c)      GK_EACH(F16, fma32(a[i], b[i], i % 2 ? c[i] : -c[i]))
GK_INL __m512  _mm512_fmadd_ps(F16 a, F16 b, F16 c)         GK_EACH(F16, fma32(a[i], b[i], c[i]))
GK_INL __m512  _mm512_fnmadd_ps(F16 a, F16 b, F16 c)        GK_EACH(F16, fma32(-a[i], b[i], c[i]))
GK_INL __m512  _mm512_scalef_ps(F16 a, F16 b)               GK_EACH(F16, scaled(a[i], b[i]))
GK_INL __m512  _mm512_maskz_scalef_ps(unsigned m, F16 a, F16 b) GK_EACH(F16, m >> i & 1 ? scaled(a[i], b[i]) : 0.0f)
GK_INL __m512  _mm512_maskz_rcp14_ps(unsigned m, F16 a)     GK_EACH(F16, m >> i & 1 ? 1 / a[i] : 0.0f)
GK_INL __m512  _mm512_maskz_loadu_ps(unsigned m, const void* p)        { return loaded<float, 16>(m, p); }
GK_INL __m256i _mm256_maskz_loadu_epi16(unsigned m, const void* p)     { return loaded<uint16_t, 16>(m, p); }
GK_INL void    _mm512_mask_storeu_ps(void* p, unsigned m, F16 a)       { store(p, m, a); }
GK_INL void    _mm256_mask_storeu_epi16(void* p, unsigned m, H16 a)    { store(p, m, a); }
#if !GK_HAS_AVX2
GK_INL __m256  _mm256_fmadd_ps(F8 a, F8 b, F8 c)            GK_EACH(F8, fma32(a[i], b[i], c[i]))
GK_INL __m256  _mm256_fnmadd_ps(F8 a, F8 b, F8 c)           GK_EACH(F8, fma32(-a[i], b[i], c[i]))
GK_INL __m256  _mm256_maskload_ps(const float* p, I8 m)     { return loaded<float, 8>(signs(m), p); }
GK_INL void    _mm256_maskstore_ps(float* p, I8 m, F8 a)    { store(p, signs(m), a); }
#endif
#undef GK_EACH

} } // namespace impl::shim
namespace emulated_avx2   { using namespace impl::shim; }
namespace emulated_avx512 { using namespace impl::shim; }
GK_NAMESPACE_END

#define GK_EMULATED
#pragma push_macro("GK_INL")
#pragma push_macro("GK_MEM")
#pragma push_macro("GK_UNROLL")
#undef GK_INL
#undef GK_MEM
#undef GK_UNROLL
#define GK_INL static inline
#define GK_MEM inline
#define GK_UNROLL(n)
#if !GK_HAS_AVX2
#define GK_PASS GK_AVX2
#define GK_NS   emulated_avx2
#define GK_ISA  avx2
#include GLLM_KERNELS_SELF
#endif
#define GK_PASS GK_AVX512
#define GK_NS   emulated_avx512
#define GK_ISA  avx512
#include GLLM_KERNELS_SELF
#if !GK_HAS_NEON
#define GK_PASS GK_NEON
#define GK_NS   emulated_neon
#define GK_ISA  neon
#include GLLM_KERNELS_SELF
#endif
#pragma pop_macro("GK_UNROLL")
#pragma pop_macro("GK_MEM")
#pragma pop_macro("GK_INL")
#undef GK_EMULATED
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
#endif
// ============================================================================
// [18] DETECTION AND DISPATCH: plain scalar code, on first use, once
// ============================================================================

#if GK_WANTED(GK_DISPATCH)
GK_NAMESPACE_BEGIN
namespace impl {

/// A feature, its place in CpuFeatures, its name in GLLM_KERNELS_ISA, and what it needs to be of use.
struct FeatureName { const char* name; bool CpuFeatures::* flag; bool CpuFeatures::* needs; };
static const FeatureName feature_names[] = {
    {"avx2",     &CpuFeatures::avx2,          nullptr},
    {"avx512",   &CpuFeatures::avx512,        nullptr},
    {"neon",     &CpuFeatures::neon,          nullptr},
    {"f16c",     &CpuFeatures::f16c,          nullptr},
    {"fma",      &CpuFeatures::fma,           nullptr},
    {"avx_vnni", &CpuFeatures::avx_vnni,      &CpuFeatures::avx2},
    {"vnni",     &CpuFeatures::avx512_vnni,   &CpuFeatures::avx512},
    {"vbmi",     &CpuFeatures::avx512_vbmi,   &CpuFeatures::avx512},
    {"bitalg",   &CpuFeatures::avx512_bitalg, &CpuFeatures::avx512},
    {"gfni",     &CpuFeatures::gfni,          &CpuFeatures::avx512_vbmi},
    {"avx512_bf16", &CpuFeatures::avx512_bf16, &CpuFeatures::avx512},
    {"avx512_fp16", &CpuFeatures::avx512_fp16, &CpuFeatures::avx512},
    {"amx_int8", &CpuFeatures::amx_int8,      &CpuFeatures::avx512},
    {"amx_bf16", &CpuFeatures::amx_bf16,      &CpuFeatures::avx512_vnni},
    {"dotprod",  &CpuFeatures::neon_dotprod,  &CpuFeatures::neon},
    {"fp16",     &CpuFeatures::neon_fp16,     &CpuFeatures::neon},
    {"i8mm",     &CpuFeatures::neon_i8mm,     &CpuFeatures::neon_dotprod},
    {"bf16",     &CpuFeatures::neon_bf16,     &CpuFeatures::neon},
    {"sve",      &CpuFeatures::sve,           &CpuFeatures::neon},
    {"sve2",     &CpuFeatures::sve2,          &CpuFeatures::neon},
};

#if GK_X86
struct CpuidWords { uint32_t a, b, c, d; };
static GK_NOINLINE CpuidWords cpuid(uint32_t leaf, uint32_t sub) {
    CpuidWords r = {0, 0, 0, 0};
#ifdef _MSC_VER
    int words[4];
    __cpuidex(words, static_cast<int>(leaf), static_cast<int>(sub));
    memcpy(&r, words, sizeof r);
#else
    __cpuid_count(leaf, sub, r.a, r.b, r.c, r.d);
#endif
    return r;
}
/// XCR0: which register states the operating system saves. Only where CPUID.1 says OSXSAVE.
static GK_NOINLINE uint64_t saved_states() {
#ifdef _MSC_VER
    return _xgetbv(0);
#else
    uint32_t lo, hi;
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(lo), "=d"(hi) : "c"(0));
    return (static_cast<uint64_t>(hi) << 32) | lo;
#endif
}
#endif

#if GK_ARM64 && defined(__APPLE__)
static inline bool has_sysctl(const char* name) {
    int    value = 0;
    size_t bytes = sizeof value;
    return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 && value != 0;
}
#endif

static GK_NOINLINE CpuFeatures detect_hardware() {
    CpuFeatures f = {};
#if GK_X86
    const auto has = [](uint32_t flags, int n) { return ((flags >> n) & 1) != 0; };
    const uint32_t leaves = cpuid(0, 0).a;
    if (leaves < 7) return f;
    const CpuidWords l1 = cpuid(1, 0), l7 = cpuid(7, 0);
    const CpuidWords l7b = l7.a >= 1 ? cpuid(7, 1) : CpuidWords{0, 0, 0, 0};
    const uint64_t saved = has(l1.c, 27) ? saved_states() : 0;
    const bool ymm = (saved & 6) == 6, zmm = (saved & 0xe6) == 0xe6, tiles = ((saved >> 17) & 3) == 3;
    f.fma    = ymm && has(l1.c, 12);
    f.f16c   = ymm && has(l1.c, 29);
    f.avx2   = ymm && has(l1.c, 28) && has(l7.b, 5) && f.fma && f.f16c;
    f.avx512 = f.avx2 && zmm && has(l7.b, 16) && has(l7.b, 17) && has(l7.b, 30) && has(l7.b, 31);
    f.avx_vnni      = f.avx2   && has(l7b.a, 4);
    f.avx512_vbmi   = f.avx512 && has(l7.c, 1);
    f.gfni          = f.avx512_vbmi && has(l7.c, 8);
    f.avx512_vnni   = f.avx512 && has(l7.c, 11);
    f.avx512_bitalg = f.avx512 && has(l7.c, 12);
    f.avx512_fp16   = f.avx512 && has(l7.d, 23);
    f.avx512_bf16   = f.avx512 && has(l7b.a, 5);
    f.amx_bf16      = f.avx512 && tiles && has(l7.d, 22) && has(l7.d, 24);
    f.amx_int8      = f.avx512 && tiles && has(l7.d, 25) && has(l7.d, 24);
#elif GK_ARM64
    f.neon = true;
#if defined(__linux__)
    const unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(26 /* AT_HWCAP2 */);
    const auto has = [](unsigned long flags, int n) { return ((flags >> n) & 1) != 0; };
    f.neon_fp16    = has(caps, 9) && has(caps, 10);
    f.neon_dotprod = has(caps, 20);
    f.sve          = has(caps, 22);
    f.sve2         = has(caps2, 1);
    f.neon_i8mm    = has(caps2, 13);
    f.neon_bf16    = has(caps2, 14);
#elif defined(__APPLE__)
    f.neon_fp16    = has_sysctl("hw.optional.arm.FEAT_FP16");
    f.neon_dotprod = has_sysctl("hw.optional.arm.FEAT_DotProd");
    f.neon_i8mm    = has_sysctl("hw.optional.arm.FEAT_I8MM");
    f.neon_bf16    = has_sysctl("hw.optional.arm.FEAT_BF16");
#elif defined(_WIN32)
    f.neon_dotprod = IsProcessorFeaturePresent(43 /* PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE */) != 0;
#endif
#elif GK_ARM32 && defined(__linux__)
    const unsigned long caps = getauxval(AT_HWCAP);
    f.neon = ((caps >> 12) & 1) && ((caps >> 16) & 1);         // NEON and VFPv4
#endif
    return f;
}

/// GLLM_KERNELS_ISA = isa[,-feature]...: keeps no vector instruction set but the one named (avx512 implies avx2), less
/// the features struck out. An unknown word changes nothing.
static inline void narrow_features(CpuFeatures& f, const char* terms) {
    for (const char* p = terms; *p;) {
        const bool minus = *p == '-';
        if (minus) p++;
        size_t length = 0;
        while (p[length] && p[length] != ',') length++;
        const auto is = [&](const char* name) { return strlen(name) == length && memcmp(p, name, length) == 0; };
        // vnni and avx512_vnni, bf16 and avx512_bf16 are one word
        const auto strikes = [&](const char* name) {
            const char* const term = length > 7 && strncmp(p, "avx512_", 7) == 0 ? p + 7 : p;
            if (strncmp(name, "avx512_", 7) == 0) name += 7;
            const size_t rest = length - static_cast<size_t>(term - p);
            return strlen(name) == rest && memcmp(term, name, rest) == 0;
        };
        if (!minus) {
            if (is("scalar") || is("avx2") || is("neon")) f.avx512 = false;
            if (is("scalar") || is("neon"))               f.avx2   = false;
            if (is("scalar") || is("avx2") || is("avx512")) f.neon = false;
        } else if (is("amx")) {
            f.amx_int8 = f.amx_bf16 = false;
        } else {
            for (const FeatureName& n : feature_names)
                if (strikes(n.name)) f.*n.flag = false;
            if (is("vnni")) f.avx_vnni = false;
            if (is("fma") || is("f16c")) f.avx2 = false;
        }
        p += length;
        if (*p == ',') p++;
    }
    if (!f.avx2) f.avx512 = false;
    for (const FeatureName& n : feature_names)
        if (n.needs && !(f.*n.needs)) f.*n.flag = false;
}

/// Asked of the CPU once: an unified cache of level 2, by CPUID leaf 4 (8000001Dh on AMD).
GK_INTERNAL size_t l2_bytes() {
#ifdef GLLM_KERNELS_L2_BYTES
    return GLLM_KERNELS_L2_BYTES;
#else
    static std::atomic<size_t> known{0};
    size_t bytes = known.load(std::memory_order_relaxed);
    if (bytes) return bytes;
    bytes = size_t(512) << 10;
#if GK_X86
    const bool     amd  = cpuid(0x80000000u, 0).a >= 0x8000001Du && cpuid(0x80000001u, 0).c >> 22 & 1;
    const uint32_t leaf = amd ? 0x8000001Du : cpuid(0, 0).a >= 4 ? 4 : 0;
    for (uint32_t i = 0; leaf && i < 8; i++) {
        const CpuidWords w = cpuid(leaf, i);
        if ((w.a & 31) == 0) break;
        if ((w.a >> 5 & 7) == 2)
            bytes = size_t((w.b >> 22) + 1) * ((w.b >> 12 & 1023) + 1) * ((w.b & 4095) + 1) * (size_t(w.c) + 1);
    }
    bytes = bytes < 131072 ? 131072 : bytes > 4194304 ? 4194304 : bytes;
#endif
    known.store(bytes, std::memory_order_relaxed);
    return bytes;
#endif
}

#if GK_ARM64
/// By the part number of the core that asks first: Linux lets programs read it. Where cores differ, either answer is
/// right, if slower.
GK_INTERNAL bool in_order() {
    static std::atomic<int> known{-1};
    int yes = known.load(std::memory_order_relaxed);
    if (yes >= 0) return yes != 0;
    yes = 0;
#if defined(__linux__) && defined(__GNUC__)
    if (getauxval(AT_HWCAP) >> 11 & 1) {                        // HWCAP_CPUID
        uint64_t midr;
        __asm__("mrs %0, midr_el1" : "=r"(midr));
        const unsigned a53 = 0xd03, a35 = 0xd04, a55 = 0xd05, a510 = 0xd46, a520 = 0xd80, part = midr >> 4 & 0xfff;
        yes = midr >> 24 == 0x41 && (part == a53 || part == a35 || part == a55 || part == a510 || part == a520);
    }
#endif
    known.store(yes, std::memory_order_relaxed);
    return yes != 0;
}
#endif

#if GK_HAS_TILES
/// May this process use AMX tiles? Asks Linux once, at the first product that would; a repeated question is harmless.
GK_INTERNAL bool tiles_allowed() {
    static std::atomic<int> state{0};                           // 0 not asked, 1 no, 2 yes
    int known = state.load(std::memory_order_relaxed);
    if (known == 0) {
        long result = 158;                                      // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
        __asm__ volatile("syscall" : "+a"(result) : "D"(0x1023L), "S"(18L) : "rcx", "r11", "memory");
        known = result == 0 ? 2 : 1;
        state.store(known, std::memory_order_relaxed);
    }
    return known == 2;
}
GK_INTERNAL bool int8_tiles_allowed() { return cpu_features().amx_int8 && tiles_allowed(); }
/// Pairs of bf16 at twice the rate of f32, beside the formats of VNNI: AMD's units. Those of Intel have half that rate.
GK_INTERNAL bool fast_pairs() {
    static std::atomic<int> state{0};                           // 0 not asked, 1 no, 2 yes
    int known = state.load(std::memory_order_relaxed);
    if (known == 0) {
        known = cpuid(0, 0).c == 0x444d4163 ? 2 : 1;            // "cAMD"
        state.store(known, std::memory_order_relaxed);
    }
    return known == 2 && cpu_features().avx512_vnni;
}
#endif

} // namespace impl

const CpuFeatures& cpu_features() {
    // Every thread that finds it unset computes the same bytes; the first to claim it publishes them.
    static CpuFeatures      features;
    static std::atomic<int> state{0};                           // 0 unset, 1 being written, 2 ready
    int seen = state.load(std::memory_order_acquire);
    if (seen != 2) {
        CpuFeatures f = impl::detect_hardware();
        if (const char* terms = getenv("GLLM_KERNELS_ISA")) impl::narrow_features(f, terms);
        if (seen == 0 && state.compare_exchange_strong(seen, 1)) {
            features = f;
            state.store(2, std::memory_order_release);
        } else {
            while (state.load(std::memory_order_acquire) != 2) {}
        }
    }
    return features;
}

GK_NAMESPACE_END

// ---- tables ---------------------------------------------------------------------

#define GK_DECLARE_TABLES \
    extern const KernelTable<float> table_f32; \
    extern const KernelTable<f16>   table_f16; \
    extern const KernelTable<bf16>  table_bf16;
GK_NAMESPACE_BEGIN
namespace scalar { GK_DECLARE_TABLES }
#if GK_HAS_AVX2
namespace avx2 { GK_DECLARE_TABLES }
#endif
#if GK_HAS_AVX_VNNI
namespace avx2 { namespace with_feature { namespace vnni { GK_DECLARE_TABLES } } }
#endif
#if GK_HAS_AVX512
namespace avx512 { GK_DECLARE_TABLES namespace with_feature { namespace vnni { GK_DECLARE_TABLES } } }
#endif
#if GK_HAS_TILES
namespace avx512 {
namespace with_tiles { GK_DECLARE_TABLES }
namespace with_pairs { extern const KernelTable<bf16> table_bf16; }
}
#endif
#if GK_HAS_NEON
namespace neon { GK_DECLARE_TABLES }
#endif
#if GK_HAS_DOTPROD
namespace neon { namespace with_feature { namespace dotprod { GK_DECLARE_TABLES } } }
#endif
#if GK_HAS_I8MM
namespace neon { namespace with_feature { namespace i8mm { GK_DECLARE_TABLES } } }
#endif
GK_NAMESPACE_END

GK_NAMESPACE_BEGIN
namespace impl {

// ---- instruction sets -------------------------------------------------------

struct Tables {
    const KernelTable<float>* f32;
    const KernelTable<f16>*   h16;
    const KernelTable<bf16>*  b16;
};
/// A way to serve an Isa: its tables, and the feature that they need of the CPU (null: none).
struct Variant {
    Isa                 isa;
    Presence            presence;
    bool CpuFeatures::* feature;
    Tables              tables;
    bool              (*suits)() = nullptr;                     // what more decides, if not null
};
#define GK_TABLES(ns) {&ns::table_f32, &ns::table_f16, &ns::table_bf16}
/// Everything that was compiled in, the best of each Isa first. Tiles come with the formats of VNNI, which every CPU
/// with them has.
static const Variant variants[] = {
    {Isa::scalar, Presence::native,   nullptr,                    GK_TABLES(scalar)},
#if GK_HAS_AVX_VNNI
    {Isa::avx2,   Presence::native,   &CpuFeatures::avx_vnni,     GK_TABLES(avx2::with_feature::vnni)},
#endif
#if GK_HAS_AVX2
    {Isa::avx2,   Presence::native,   &CpuFeatures::avx2,         GK_TABLES(avx2)},
#elif defined(GLLM_KERNELS_EMULATE)
    {Isa::avx2,   Presence::emulated, nullptr,                    GK_TABLES(emulated_avx2)},
#endif
#if GK_HAS_TILES
    {Isa::avx512, Presence::native,   &CpuFeatures::amx_bf16,     GK_TABLES(avx512::with_tiles)},
    {Isa::avx512, Presence::native,   &CpuFeatures::avx512_bf16,
     {&avx512::with_feature::vnni::table_f32, &avx512::with_feature::vnni::table_f16,
      &avx512::with_pairs::table_bf16}, &fast_pairs},
#endif
#if GK_HAS_AVX512
    {Isa::avx512, Presence::native,   &CpuFeatures::avx512_vnni,  GK_TABLES(avx512::with_feature::vnni)},
    {Isa::avx512, Presence::native,   &CpuFeatures::avx512,       GK_TABLES(avx512)},
#endif
#ifdef GLLM_KERNELS_EMULATE
    {Isa::avx512, Presence::emulated, nullptr,                    GK_TABLES(emulated_avx512)},
#endif
#if GK_HAS_I8MM
    {Isa::neon,   Presence::native,   &CpuFeatures::neon_i8mm,    GK_TABLES(neon::with_feature::i8mm)},
#endif
#if GK_HAS_DOTPROD
    {Isa::neon,   Presence::native,   &CpuFeatures::neon_dotprod, GK_TABLES(neon::with_feature::dotprod)},
#endif
#if GK_HAS_NEON
    {Isa::neon,   Presence::native,   &CpuFeatures::neon,         GK_TABLES(neon)},
#elif defined(GLLM_KERNELS_EMULATE)
    {Isa::neon,   Presence::emulated, nullptr,                    GK_TABLES(emulated_neon)},
#endif
};

/// What serves an Isa on this CPU; null if nothing does.
static GK_NOINLINE const Variant* variant_for(Isa isa) {
    for (const Variant& v : variants)
        if (v.isa == isa && (!v.feature || cpu_features().*v.feature) && (!v.suits || v.suits())) return &v;
    return nullptr;
}
static inline const KernelTable<float>* table_of(Isa isa, const float*) { return variant_for(isa)->tables.f32; }
static inline const KernelTable<f16>*   table_of(Isa isa, const f16*)   { return variant_for(isa)->tables.h16; }
static inline const KernelTable<bf16>*  table_of(Isa isa, const bf16*)  { return variant_for(isa)->tables.b16; }

} // namespace impl

Presence isa_presence(Isa isa) {
    const impl::Variant* const v = impl::variant_for(isa);
    return v ? v->presence : Presence::absent;
}
const char* isa_name(Isa isa) {
    switch (isa) {
        case Isa::scalar: return "scalar";
        case Isa::avx2:   return "avx2";
        case Isa::avx512: return "avx512";
        case Isa::neon:   return "neon";
    }
    return "unknown";
}
GK_NOINLINE Isa best_isa() {
    Isa best = Isa::scalar;
    for (Isa isa : all_isas)
        if (isa_presence(isa) == Presence::native) best = isa;
    return best;
}

template <class E> CpuKernels<E>::CpuKernels() : table_(impl::table_of(best_isa(), static_cast<const E*>(nullptr))) {}

template <class E> Status CpuKernels<E>::select(Isa isa) {
    if (isa_presence(isa) == Presence::absent)
        return {Code::unsupported, "this instruction set is not in this CPU, or was left out of this build"};
    table_ = impl::table_of(isa, static_cast<const E*>(nullptr));
    return {Code::ok, "ok"};
}

// ============================================================================
// [19] QUANTISERS: how each format is encoded
// ============================================================================
//
// Encoder<block>::encode(x, weight, out) writes the block whose decoded values have the least sum of weight[i]
// error[i]^2 that its search finds; a null weight counts every error once. Codes rounded with some scale have a best
// scale, by least squares, and that scale has best codes: a search starts from scales around the one that takes the
// largest value to the last code, and goes on from the best of them. What a block holds exactly is found by a common
// divisor. Scalar code in which four scales are tried at once, one a lane, for compilers to make vectors of; sums are
// over values in their order: the same bits everywhere.

#ifndef GLLM_KERNELS_NO_QUANTIZE
namespace impl {

template <class Block> struct Encoder {};          // of a format that has none

// ---- values -----------------------------------------------------------------

struct Four { float lane[4]; };
GK_INL Four four(float a)                          { return {{a, a, a, a}}; }

/// to = from in the lanes where a > b. A loop of its own, as each step of what follows: of such loops compilers make
/// vectors.
GK_INL void take_where(const Four& a, const Four& b, const Four& from, Four& to) {
    Four kept = to;
    for (size_t l = 0; l < 4; l++) kept.lane[l] = a.lane[l] > b.lane[l] ? from.lane[l] : kept.lane[l];
    to = kept;
}
GK_INL Four inverses(const Four& a) {
    Four r;
    for (size_t l = 0; l < 4; l++) r.lane[l] = 1 / a.lane[l];
    return r;
}

/// x 2^e, with one rounding; |e| up to 252.
GK_INL float power2(int e)                         { return f32_from_bits(static_cast<uint32_t>(e + 127) << 23); }
GK_INL float times_power2(float x, int e)          { return x * power2(e / 2) * power2(e - e / 2); }
GK_INL int   exponent_of(float x) {                // of a positive float: 2^e <= x < 2^(e+1)
    const uint32_t bits = f32_bits(x);
    return bits >= 0x00800000u ? static_cast<int>(bits >> 23) - 127
                               : static_cast<int>(f32_bits(x * 16777216.0f) >> 23) - 151;
}
GK_INL float magnitude(float x)                    { return fabsf(x); }
GK_INL float quotient(float a, float b)            { return a / (b != 0 ? b : infinity); }         // 0 if b is
/// The nearest f16, the largest finite one at most.
GK_INL uint16_t finite_half(float v) {
    return f32_to_f16(v > 65504.0f ? 65504.0f : v < -65504.0f ? -65504.0f : v);
}
GK_INL void store_half(uint8_t* p, uint16_t h)     { memcpy(p, &h, 2); }
/// The nearest integer in lo .. hi, ties to even, without a branch.
GK_INL float nearest_in(float v, float lo, float hi) {
    v = (v + 12582912.0f) - 12582912.0f;           // of larger ones some integer as large
    v = v < lo ? lo : v;
    return v > hi ? hi : v;
}

// values a turn of loops that map them; blocks and groups are multiples
constexpr size_t STEP = 16;

struct Extremes { float least, most; };
static Extremes extremes(const float* x, size_t n) {
    float a[STEP], b[STEP];
    for (size_t i = 0; i < STEP; i++) a[i] = b[i] = x[i];
    for (size_t g = STEP; g < n; g += STEP)
        for (size_t i = 0; i < STEP; i++) {
            a[i] = x[g + i] < a[i] ? x[g + i] : a[i];
            b[i] = x[g + i] > b[i] ? x[g + i] : b[i];
        }
    for (size_t i = 1; i < STEP; i++) {
        a[0] = a[i] < a[0] ? a[i] : a[0];
        b[0] = b[i] > b[0] ? b[i] : b[0];
    }
    return {a[0], b[0]};
}
GK_INL float top_of(const Extremes& e)             { return -e.least > e.most ? e.least : e.most; }

/// What a search works on: x 2^-exponent and weights, the largest magnitude of each in [1, 2), so that squares neither
/// overflow nor vanish. top: the x of the largest magnitude, 0 for a block of zeros.
struct Values {
    float x[256], top;
    int   exponent;
    Extremes in;                                   // before scaling
    Values(const float* values, const float* weight, size_t n) : in(extremes(values, n)), weighted_(false) {
        const float most = top_of(in), heaviest = weight ? extremes(weight, n).most : 0;
        exponent = most != 0 ? exponent_of(magnitude(most)) : 0;
        top      = times_power2(most, -exponent);
        scale(values, n, -exponent, x);
        if (heaviest > 0) { weighted_ = true; scale(weight, n, -exponent_of(heaviest), w_); }
    }
    /// Weights of x + i; null where all are 1.
    const float* weights(size_t i = 0) const       { return weighted_ ? w_ + i : nullptr; }
    /// The f16 that v is in the terms of the input; and back.
    uint16_t half(float v) const                   { return finite_half(times_power2(v, exponent)); }
    float value(uint16_t h) const                  { return times_power2(f16_to_f32(h), -exponent); }

private:
    float w_[256];
    bool  weighted_;
    static void scale(const float* from, size_t n, int e, float* to) {
        const float a = power2(e / 2), b = power2(e - e / 2);
        for (size_t g = 0; g < n; g += STEP) for (size_t i = 0; i < STEP; i++) to[g + i] = from[g + i] * a * b;
    }
};

// ---- one scale: w = d q, q in lo .. hi --------------------------------------

/// Where to begin: the largest value at code lo, then at first, first ratio, ..; at the other end too unless lo = -hi.
/// Four a turn; then so many refits.
struct Codes { float lo, hi, first, ratio; int turns, refits; };

/// Weights, or where the pointer to them is null, ones: the same loops with less to do.
struct Given { const float* w; GK_MEM float operator()(size_t i) const { return w[i]; } };
struct Ones  { GK_MEM float operator()(size_t) const { return 1; } };

struct ScaleSums { Four xq, qq; };
template <class W> GK_INL ScaleSums scale_sums(const float* x, W w, size_t n, const Four& inverse, float lo, float hi) {
    Four t = inverse, xq = {}, qq = {};
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < 4; l++) {
            const float q = nearest_in(x[i] * t.lane[l], lo, hi), wq = w(i) * q;
            xq.lane[l] += wq * x[i];
            qq.lane[l] += wq * q;
        }
    return {xq, qq};
}
GK_INL ScaleSums scale_sums(const float* x, const float* w, size_t n, const Four& inverse, float lo, float hi) {
    return w ? scale_sums(x, Given{w}, n, inverse, lo, hi) : scale_sums(x, Ones(), n, inverse, lo, hi);
}
template <class W> GK_INL Four scale_error(const float* x, W w, size_t n, const Four& scale, float lo, float hi) {
    Four d = scale, t, sum = {};
    for (size_t l = 0; l < 4; l++) t.lane[l] = quotient(1, d.lane[l]);
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < 4; l++) {
            const float e = x[i] - d.lane[l] * nearest_in(x[i] * t.lane[l], lo, hi);
            sum.lane[l] += w(i) * e * e;
        }
    return sum;
}
GK_INL Four scale_error(const float* x, const float* w, size_t n, const Four& scale, float lo, float hi) {
    return w ? scale_error(x, Given{w}, n, scale, lo, hi) : scale_error(x, Ones(), n, scale, lo, hi);
}
GK_INL size_t largest_of(const Four& f) {
    size_t best = 0;
    for (size_t l = 1; l < 4; l++) if (f.lane[l] > f.lane[best]) best = l;
    return best;
}
GK_INL size_t least_of(const Four& f) {
    return largest_of({{-f.lane[0], -f.lane[1], -f.lane[2], -f.lane[3]}});
}

constexpr float NEGLIGIBLE = 1e-18f;               // beside values of about 1
constexpr float MORE       = 1.000001f;            // is more than rounding

/// The scale of least error. With codes q it is sum w x q / sum w q^2, and the error sum w x^2 less (sum w x q)^2 / sum
/// w q^2. weight: sum w q^2, by which the error rises with the square of what is missed.
struct Fit { float d, weight; };
static Fit fit_scale(const float* x, const float* w, size_t n, float top, const Codes& c) {
    if (magnitude(top) < NEGLIGIBLE) return {0, 0};
    const bool  both = c.lo != -c.hi;
    const float unit = 1 / top;
    float code = -c.lo * unit, next = c.first * unit;
    Four  best = {}, d = {}, t;
    for (int turn = 0; turn < c.turns + c.refits; turn++) {
        if (turn >= c.turns) {
            t = inverses(d);
        } else {
            for (size_t l = 0; l < 4; l++) {
                t.lane[l] = both && l % 2 == 0 ? -code : code;
                if (both && l % 2 == 0) continue;
                code = next;
                next *= c.ratio;
            }
        }
        const ScaleSums s = scale_sums(x, w, n, t, c.lo, c.hi);
        Four fit, gain, bar;                       // NaN where all codes are 0
        for (size_t l = 0; l < 4; l++) {
            fit.lane[l]  = s.xq.lane[l] / s.qq.lane[l];
            gain.lane[l] = fit.lane[l] * s.xq.lane[l];
            bar.lane[l]  = best.lane[l] * MORE;
        }
        take_where(gain, bar, gain, best);
        take_where(gain, bar, fit, d);
    }
    const size_t l = largest_of(best);
    return {d.lane[l], quotient(best.lane[l], d.lane[l] * d.lane[l])};
}

/// The largest step of which all x - base are multiples, if none is beyond `limit` steps, of at least 2^-24; else 0.
static double common_step(const float* x, size_t n, double base, double reach, int limit) {
    const double unit = 16777216, least = reach * unit / limit * 0.999999;
    uint64_t step = 0;
    for (size_t i = 0; i < n; i++) {
        const double difference = (static_cast<double>(x[i]) - base) * unit;
        const double v          = difference < 0 ? -difference : difference;
        if (v == 0) continue;
        if (v < least || v > 9e15) return 0;
        uint64_t rest = static_cast<uint64_t>(v);
        if (static_cast<double>(rest) != v) return 0;
        while (rest) {                             // Euclid; a rest too small to be a step ends it
            if (static_cast<double>(rest) < least) return 0;
            const uint64_t next = step % rest;
            step = rest;
            rest = next;
        }
    }
    return static_cast<double>(step) / unit;
}
GK_INL bool is_half(double v, uint16_t* h) {
    *h = f32_to_f16(static_cast<float>(v));
    return static_cast<double>(f16_to_f32(*h)) == v;
}
/// The f16 scale of which all x are multiples by lo .. hi, or 0.
static uint16_t exact_scale(const float* x, size_t n, const Extremes& e, const Codes& c) {
    const int    lo = static_cast<int>(c.lo), hi = static_cast<int>(c.hi);
    const double most = static_cast<double>(e.most), least = static_cast<double>(e.least);
    const double reach = -least > most ? -least : most;
    const double step = common_step(x, n, 0, reach, -lo > hi ? -lo : hi);
    if (step == 0) return 0;
    for (int parts = 1; parts <= hi || parts <= -lo; parts++) {
        const double d = step / parts;
        uint16_t h;
        if (!is_half(d, &h)) continue;
        if (most <= hi * d && least >= lo * d) return h;
        if (most <= -lo * d && least >= -hi * d) return static_cast<uint16_t>(h | 0x8000);
    }
    return 0;
}

/// q[i] = the code of x[i] less lo.
static void round_codes(const float* x, size_t n, float d, float lo, float hi, uint8_t* q) {
    const float inverse = quotient(1, d);
    for (size_t g = 0; g < n; g += STEP)
        for (size_t i = 0; i < STEP; i++)
            q[g + i] = static_cast<uint8_t>(static_cast<int>(nearest_in(x[g + i] * inverse, lo, hi) - lo));
}
/// The f16 scale of a block and its codes, less lo. Where halves are few, not the nearest one but the best of three.
static uint16_t encode_scale(const float* x, const float* weight, size_t n, const Codes& c, uint8_t* q) {
    const Values v(x, weight, n);
    uint16_t h = exact_scale(x, n, v.in, c);
    if (h == 0) {
        h = v.half(fit_scale(v.x, v.weights(), n, v.top, c).d);
        if ((h & 0x7fff) < 0x400) {
            const uint16_t size = h & 0x7fff, sign = h & 0x8000, below = size ? static_cast<uint16_t>(h - 1) : size;
            const uint16_t beside[3] = {h, below, static_cast<uint16_t>(sign | (size + 1))};
            h = beside[least_of(scale_error(v.x, v.weights(), n, 
                                {{v.value(h), v.value(beside[1]), v.value(beside[2]), 0}},
                                          c.lo, c.hi)) % 3];
        }
    }
    round_codes(v.x, n, v.value(h), c.lo, c.hi, q);
    return h;
}

// ---- a scale and an offset: w = d q + m, q in 0 .. hi -------------------------

/// Where to begin: the range of the values is first, first ratio, .. codes, held at its middle, its least and its most.
struct LineCodes { float hi, first, ratio; int turns, refits; };

struct Line { float d, m; };
struct LineSums { Four q, qq, xq; };
template <class W>
GK_INL LineSums line_sums(const float* x, W w, size_t n, const Four& inverse, const Four& shift, float hi) {
    Four t = inverse, s = shift, q1 = {}, qq = {}, xq = {};
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < 4; l++) {
            const float q = nearest_in(x[i] * t.lane[l] + s.lane[l], 0, hi), wq = w(i) * q;
            q1.lane[l] += wq;
            qq.lane[l] += wq * q;
            xq.lane[l] += wq * x[i];
        }
    return {q1, qq, xq};
}
GK_INL LineSums line_sums(const float* x, const float* w, size_t n, const Four& inverse, const Four& shift, float hi) {
    return w ? line_sums(x, Given{w}, n, inverse, shift, hi) : line_sums(x, Ones(), n, inverse, shift, hi);
}
template <class W>
GK_INL Four line_error(const float* x, W w, size_t n, const Four& scale, const Four& offset, float hi) {
    Four d = scale, m = offset, t, sum = {};
    for (size_t l = 0; l < 4; l++) t.lane[l] = quotient(1, d.lane[l]);
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < 4; l++) {
            const float y = x[i] - m.lane[l], e = y - d.lane[l] * nearest_in(y * t.lane[l], 0, hi);
            sum.lane[l] += w(i) * e * e;
        }
    return sum;
}
GK_INL Four line_error(const float* x, const float* w, size_t n, const Four& scale, const Four& offset, float hi) {
    return w ? line_error(x, Given{w}, n, scale, offset, hi) : line_error(x, Ones(), n, scale, offset, hi);
}
static void round_line(const float* x, size_t n, Line line, float hi, uint8_t* q) {
    const float inverse = quotient(1, line.d);
    for (size_t g = 0; g < n; g += STEP)
        for (size_t i = 0; i < STEP; i++)
            q[g + i] = static_cast<uint8_t>(static_cast<int>(nearest_in((x[g + i] - line.m) * inverse, 0, hi)));
}
/// Sums of w and w x.
struct Moments { float w, wx; };
template <class W> GK_INL Moments moments(const float* x, W w, size_t n) {
    Four a = {}, b = {};
    for (size_t g = 0; g < n; g += 4)
        for (size_t l = 0; l < 4; l++) {
            a.lane[l] += w(g + l);
            b.lane[l] += w(g + l) * x[g + l];
        }
    return {(a.lane[0] + a.lane[2]) + (a.lane[1] + a.lane[3]), (b.lane[0] + b.lane[2]) + (b.lane[1] + b.lane[3])};
}
static Moments moments(const float* x, const float* w, size_t n) {
    return w ? moments(x, Given{w}, n) : moments(x, Ones(), n);
}

/// The line of least error, by least squares for codes rounded with another. n <= 128. Weights as of Fit.
struct LineFit { float d, m, weight_d, weight_m; };
static LineFit fit_line(const float* x, const float* w, size_t n, const LineCodes& c) {
    const Extremes e = extremes(x, n);
    const float middle = e.least + (e.most - e.least) * 0.5f, range = e.most - e.least;
    float y[128];
    for (size_t g = 0; g < n; g += STEP) for (size_t i = 0; i < STEP; i++) y[g + i] = x[g + i] - middle;
    const Moments sum = moments(y, w, n);
    if (range < NEGLIGIBLE) return {0, middle, 0, sum.w};
    const float unit = 1 / range, half = c.hi * 0.5f, inverse_w = 1 / sum.w;
    float code = c.first;
    Four  best = {}, d = {}, m = {}, t, shift;
    for (int turn = 0; turn < c.turns + c.refits; turn++) {
        if (turn < c.turns) {
            t     = {{code * unit, code * unit, code * unit, code * c.ratio * unit}};
            shift = {{half, code * 0.5f, c.hi - code * 0.5f, half}};
            code *= c.ratio * c.ratio;
        } else {
            t = inverses(d);
            for (size_t l = 0; l < 4; l++) shift.lane[l] = -m.lane[l] * t.lane[l];
        }
        const LineSums s = line_sums(y, w, n, t, shift, c.hi);
        Four fit, gain, bar, offset;               // gains < 0 where all codes are one
        for (size_t l = 0; l < 4; l++) {
            const float q = s.q.lane[l], qq = sum.w * s.qq.lane[l], covariance = sum.w * s.xq.lane[l] - sum.wx * q;
            fit.lane[l]    = covariance / (qq * (1 - 1e-6f) - q * q);
            offset.lane[l] = (sum.wx - fit.lane[l] * q) * inverse_w;
            // else weights cancelled
            gain.lane[l] = magnitude(fit.lane[l]) <= range ? fit.lane[l] * covariance : -1;
            bar.lane[l]    = best.lane[l] * MORE;
        }
        take_where(gain, bar, gain, best);
        take_where(gain, bar, fit, d);
        take_where(gain, bar, offset, m);
    }
    const size_t l = largest_of(best);
    return {d.lane[l], m.lane[l] + middle, quotient(best.lane[l], d.lane[l] * d.lane[l] * sum.w), sum.w};
}

/// How a block stores a line: the halves d and m; or s and z, for s (q - z). Both so that the weights need no rounding:
/// the same line is found in them.
struct OffsetLine {
    static Line of(uint16_t a, uint16_t b)         { return {f16_to_f32(a), f16_to_f32(b)}; }
    static bool exact(double, double m, uint16_t* b)  { return is_half(m, b); }
    static bool steep(Line)                        { return true; }
    /// Multiples of the unit are exact up to reach. What d loses is made up for at the middle code.
    static void round(Line l, float hi, uint16_t* a, uint16_t* b) {
        const float reach = magnitude(l.m) + magnitude(l.d) * hi;
        const float unit  = reach > 1e-6f ? power2(exponent_of(reach) - 22) : 0;
        *a = finite_half(unit > 0 ? round32(l.d / unit) * unit : l.d);
        const float m = l.m + (l.d - f16_to_f32(*a)) * hi * 0.5f;
        *b = finite_half(unit > 0 ? round32(m / unit) * unit : m);
    }
    /// d q + m = c, m the nearest half or one beside it.
    static void constant(float c, int q, int side, uint16_t* a, uint16_t* b) {
        const uint16_t h = finite_half(c);
        *b = h & 0x7fff && (h & 0x7fff) < 0x7bff ? static_cast<uint16_t>(h + side) : h;
        *a = finite_half((c - f16_to_f32(*b)) / static_cast<float>(q));
    }
};
struct ZeroLine {
    static Line of(uint16_t a, uint16_t b)         { const float s = f16_to_f32(a); return {s, -(s * f16_to_f32(b))}; }
    static bool exact(double d, double m, uint16_t* b) {
        return is_half(-m / d, b) && static_cast<double>(f16_to_f32(*b)) * d == -m;
    }
    static bool steep(Line l)                      { return magnitude(l.m) < 60000 * magnitude(l.d); }
    static void round(Line l, float hi, uint16_t* a, uint16_t* b) {
        *a = finite_half(l.d);
        const float d = f16_to_f32(*a), m = l.m + (l.d - d) * hi * 0.5f;
        *b = d != 0 ? finite_half(round32(-m / d * 256) * (1.0f / 256)) : uint16_t(0);
    }
    static void constant(float c, int q, int, uint16_t* a, uint16_t* b) {
        *a = finite_half(c / static_cast<float>(q));
        *b = 0;
    }
};

/// The halves of a line on which all x lie at codes 0 .. hi.
template <class Kind>
static bool exact_line(const float* x, size_t n, const Extremes& e, int hi, uint16_t* a, uint16_t* b) {
    const double least = static_cast<double>(e.least), most = static_cast<double>(e.most), range = most - least;
    const double step = range > 0 ? common_step(x, n, least, range, hi) : 0;
    if (step == 0) return false;
    for (int parts = 1; parts <= hi; parts++) {
        const double d = step / parts;
        if (range > hi * d) return false;
        if (!is_half(d, a)) continue;
        for (int j = 0; range + j * d <= hi * d; j++) {
            if (Kind::exact(d, least - j * d, b)) return true;
            if (Kind::exact(-d, most + j * d, b)) { *a = static_cast<uint16_t>(*a | 0x8000); return true; }
        }
    }
    return false;
}

/// The halves of a block, stored at a and b, and its codes.
template <class Kind>
static void encode_line(const float* x, const float* weight, size_t n, const LineCodes& c, uint8_t* a, uint8_t* b,
                        uint8_t* q) {
    const Values v(x, weight, n);
    uint16_t best_a = 0, best_b = 0;
    const auto line = [&](uint16_t p, uint16_t r) {
        const Line l = Kind::of(p, r);
        return Line{times_power2(l.d, -v.exponent), times_power2(l.m, -v.exponent)};
    };
    if (!exact_line<Kind>(x, n, v.in, static_cast<int>(c.hi), &best_a, &best_b)) {
        const LineFit fit = fit_line(v.x, v.weights(), n, c);
        const auto scaled = [&](float f) {                      // beyond any half's reach is far enough
            const float r = times_power2(f, v.exponent);
            return r > 1e30f ? 1e30f : r < -1e30f ? -1e30f : r;
        };
        const Line l = {scaled(fit.d), scaled(fit.m)};
        float least = infinity;
        const auto consider = [&](uint16_t p, uint16_t r) {
            const Line  tried = line(p, r);
            const float error = line_error(v.x, v.weights(), n, four(tried.d), four(tried.m), c.hi).lane[0];
            if (error < least) { least = error; best_a = p; best_b = r; }
        };
        uint16_t p, r;
        if (l.d == 0 || !Kind::steep(l)) {
            for (int code = 1; code <= static_cast<int>(c.hi) && least > 0; code++)
                for (int side = -1; side <= 1; side++) {
                    Kind::constant(l.m + l.d * c.hi * 0.5f, code, side, &p, &r);
                    consider(p, r);
                }
        } else {                                   // where halves are few, those beside the nearest too
            const float reach = magnitude(l.m) + magnitude(l.d) * c.hi, fine = 1.0f / 16777216;
            const float step_d = magnitude(l.d) * (1.0f / 1024) + reach * (1.0f / 4194304) + fine;
            const float step_m = magnitude(l.m) * (1.0f / 1024) + fine;
            const int   around = magnitude(l.d) < 1024 * fine || step_m * 8 > magnitude(l.d) ? 1 : 0;
            if (!around) Kind::round(l, c.hi, &best_a, &best_b);
            else for (int i = -around; i <= around; i++)
                for (int j = -around; j <= around; j++) {
                    Kind::round({l.d + static_cast<float>(i) * step_d, l.m + static_cast<float>(j) * step_m}, c.hi,
                                &p, &r);
                    consider(p, r);
                }
        }
    }
    store_half(a, best_a);
    store_half(b, best_b);
    round_line(v.x, n, line(best_a, best_b), c.hi, q);
}

// ---- packing: codes of 4, 5, 2, 1 bits as the layouts have them ----------------

/// Low nibbles q[0 .. half-1], high nibbles q[half ..].
GK_INL void pack_nibbles(const uint8_t* q, size_t half, uint8_t* out) {
    for (size_t i = 0; i < half; i++) out[i] = static_cast<uint8_t>((q[i] & 15) | q[i + half] << 4);
}
/// Bit `bit` of each of n codes, low first.
GK_INL void pack_bits(const uint8_t* q, size_t n, int bit, uint8_t* out) {
    for (size_t g = 0; g < n; g += 8) {
        unsigned byte = 0;
        for (size_t i = 0; i < 8; i++) byte |= (static_cast<unsigned>(q[g + i]) >> bit & 1u) << i;
        out[g / 8] = static_cast<uint8_t>(byte);
    }
}
/// Rows of 32 bytes, bits 2k of row r = codes 128 r + 32 k ..
GK_INL void pack_pairs(const uint8_t* q, uint8_t* out) {
    for (size_t r = 0; r < 2; r++)
        for (size_t i = 0; i < 32; i++) {
            const uint8_t* p = q + 128 * r + i;
            out[32 * r + i] = static_cast<uint8_t>((p[0] & 3) | (p[32] & 3) << 2 | (p[64] & 3) << 4 | (p[96] & 3) << 6);
        }
}

// ---- ggml's legacy formats ----------------------------------------------------

constexpr Codes q4_codes = {-8, 7, 6.6f, 1.08f, 3, 1}, q5_codes = {-16, 15, 14, 1.04f, 3, 0};
constexpr Codes q8_codes = {-128, 127, 126.9f, 1.0f, 1, 0};
constexpr Codes two_bit_codes = {-1, 2, 0.95f, 1.3f, 4, 1}, ternary_codes = {-1, 1, 1.5f, 1.4f, 2, 3};
constexpr LineCodes nibble_lines = {15, 13.7f, 1.07f, 2, 2}, five_bit_lines = {31, 29.5f, 1.03f, 2, 2};

template <> struct Encoder<block_q4_0> {
    static void encode(const float* x, const float* weight, block_q4_0& out) {
        uint8_t q[32];
        store_half(out.d, encode_scale(x, weight, 32, q4_codes, q));
        pack_nibbles(q, 16, out.qs);
    }
};
template <> struct Encoder<block_q4_1> {
    static void encode(const float* x, const float* weight, block_q4_1& out) {
        uint8_t q[32];
        encode_line<OffsetLine>(x, weight, 32, nibble_lines, out.d, out.m, q);
        pack_nibbles(q, 16, out.qs);
    }
};
template <> struct Encoder<block_q5_0> {
    static void encode(const float* x, const float* weight, block_q5_0& out) {
        uint8_t q[32];
        store_half(out.d, encode_scale(x, weight, 32, q5_codes, q));
        pack_nibbles(q, 16, out.qs);
        pack_bits(q, 32, 4, out.h);
    }
};
template <> struct Encoder<block_q5_1> {
    static void encode(const float* x, const float* weight, block_q5_1& out) {
        uint8_t q[32];
        encode_line<OffsetLine>(x, weight, 32, five_bit_lines, out.d, out.m, q);
        pack_nibbles(q, 16, out.qs);
        pack_bits(q, 32, 4, out.h);
    }
};
template <> struct Encoder<block_q8_0> {
    static void encode(const float* x, const float* weight, block_q8_0& out) {
        uint8_t q[32];
        store_half(out.d, encode_scale(x, weight, 32, q8_codes, q));
        for (size_t i = 0; i < 32; i++) out.qs[i] = static_cast<uint8_t>(q[i] ^ 0x80);
    }
};

// ---- one and two bits -----------------------------------------------------------

/// The best scale of signs is the mean magnitude.
template <> struct Encoder<block_q1_0> {
    static void encode(const float* x, const float* weight, block_q1_0& out) {
        Values v(x, weight, 128);
        uint8_t q[128];
        for (size_t i = 0; i < 128; i++) q[i] = x[i] >= 0;
        for (float& f : v.x) f = magnitude(f);
        const Moments sum = moments(v.x, v.weights(), 128);
        store_half(out.d, v.half(sum.wx / sum.w));
        pack_bits(q, 128, 0, out.qs);
    }
};
template <> struct Encoder<block_q2_0> {
    static void encode(const float* x, const float* weight, block_q2_0& out) {
        uint8_t q[64];
        store_half(out.d, encode_scale(x, weight, 64, two_bit_codes, q));
        for (size_t i = 0; i < 16; i++)
            out.qs[i] = static_cast<uint8_t>(q[4 * i] | q[4 * i + 1] << 2 | q[4 * i + 2] << 4 | q[4 * i + 3] << 6);
    }
};
template <> struct Encoder<block_tq1_0> {
    /// Digits q[0], q[step], .. as 256ths, rounded up.
    static uint8_t pack(const uint8_t* q, size_t step, size_t digits) {
        unsigned v = 0;
        for (size_t n = 0; n < 5; n++) v = 3 * v + (n < digits ? q[n * step] : 0u);
        return static_cast<uint8_t>((v * 256 + 242) / 243);
    }
    static void encode(const float* x, const float* weight, block_tq1_0& out) {
        uint8_t q[256];
        store_half(out.d, encode_scale(x, weight, 256, ternary_codes, q));
        for (size_t i = 0; i < 32; i++) out.qs[i] = pack(q + i, 32, 5);
        for (size_t i = 0; i < 16; i++) out.qm[i] = pack(q + 160 + i, 16, 5);
        for (size_t i = 0; i < 4; i++)  out.ql[i] = pack(q + 240 + i, 4, 4);
    }
};
template <> struct Encoder<block_tq2_0> {
    static void encode(const float* x, const float* weight, block_tq2_0& out) {
        uint8_t q[256];
        store_half(out.d, encode_scale(x, weight, 256, ternary_codes, q));
        pack_pairs(q, out.qs);
    }
};

// ---- 4-bit floats -----------------------------------------------------------

/// The nearest of 0 1 2 3 4 6 8 12.
GK_INL float nearest_e2m1(float v) {
    const float lower = (v > 0.5f ? 1.0f : 0.0f) + (v > 1.5f ? 1.0f : 0.0f) + (v > 2.5f ? 1.0f : 0.0f) +
                        (v > 3.5f ? 1.0f : 0.0f);
    return lower + (v > 5 ? 2.0f : 0.0f) + (v > 7 ? 2.0f : 0.0f) + (v > 10 ? 4.0f : 0.0f);
}
template <class W> GK_INL Four e2m1_error(const float* x, W w, size_t n, const Four& scale) {
    Four d = scale, t, sum = {};
    for (size_t l = 0; l < 4; l++) t.lane[l] = quotient(1, d.lane[l]);
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < 4; l++) {
            const float a = magnitude(x[i]), e = a - d.lane[l] * nearest_e2m1(a * t.lane[l]);
            sum.lane[l] += w(i) * e * e;
        }
    return sum;
}
GK_NOINLINE static Four e2m1_error(const float* x, const float* w, size_t n, const Four& scale) {
    return w ? e2m1_error(x, Given{w}, n, scale) : e2m1_error(x, Ones(), n, scale);
}
static void round_e2m1(const float* x, size_t n, float d, uint8_t* q) {
    const float inverse = d > 0 ? 1 / d : 0;
    for (size_t i = 0; i < n; i++) {
        const float v = magnitude(x[i]) * inverse;
        const int   code = (v > 0.5f) + (v > 1.5f) + (v > 2.5f) + (v > 3.5f) + (v > 5) + (v > 7) + (v > 10);
        q[i] = static_cast<uint8_t>(code | (x[i] < 0 && code ? 8 : 0));
    }
}

template <> struct Encoder<block_mxfp4> {
    static void encode(const float* x, const float* weight, block_mxfp4& out) {
        const Values v(x, weight, 32);
        int  e[4];                                 // the largest value at 12 to 24, 6 to 12, 24 to 48, 3 to 6
        Four scale;
        for (size_t l = 0; l < 4; l++) {
            const int wanted = v.top == 0 ? 0 : 128 + v.exponent - (l == 0 ? 4 : l == 1 ? 3 : l == 2 ? 5 : 2);
            e[l] = wanted < 0 ? 0 : wanted > 252 ? 252 : wanted;
            scale.lane[l] = times_power2(1, e[l] - 128 - v.exponent);
        }
        const size_t best = least_of(e2m1_error(v.x, v.weights(), 32, scale));
        uint8_t q[32];
        round_e2m1(v.x, 32, scale.lane[best], q);
        out.e[0] = static_cast<uint8_t>(e[best]);
        pack_nibbles(q, 16, out.qs);
    }
};
template <> struct Encoder<block_nvfp4> {
    static void encode(const float* x, const float* weight, block_nvfp4& out) {
        const Values v(x, weight, 64);
        const auto scale = [&](int e) { return times_power2(ue4m3.halves[e], -v.exponent); };
        for (int j = 0; j < 4; j++) {
            const float* const p = v.x + 16 * j;
            const float* const w = v.weights(static_cast<size_t>(16 * j));
            const float top = magnitude(top_of(extremes(p, 16)));
            int middle = 0, best = 0;              // the largest value at 12
            for (int step = 64; step; step /= 2)
                if (middle + step < 127 && scale(middle + step) * 12 <= top) middle += step;
            float least = infinity;
            const int from = middle < 7 ? 1 : middle > 117 ? 111 : middle - 6;
            for (int e = from; e < from + 16 && top > 0; e += 4) {
                const Four error = e2m1_error(p, w, 16, {{scale(e), scale(e + 1), scale(e + 2), scale(e + 3)}});
                const size_t l = least_of(error);
                if (error.lane[l] < least) { least = error.lane[l]; best = e + static_cast<int>(l); }
            }
            uint8_t q[16];
            round_e2m1(p, 16, scale(best), q);
            out.e[j] = static_cast<uint8_t>(best);
            pack_nibbles(q, 8, out.qs + 8 * j);
        }
    }
};

// ---- K-quants: scales that are codes themselves -----------------------------
#if GK_HAS_KQUANT

/// The f16 of which the scales of groups, in units of 2^exponent, are multiples by c.lo .. c.hi, each missed as
/// weight[j] says.
static uint16_t scale_of_scales(const float* scale, const float* weight, const Codes& c, int exponent) {
    float real[16];
    for (size_t j = 0; j < 16; j++) real[j] = times_power2(scale[j], exponent);
    if (const uint16_t h = exact_scale(real, 16, extremes(real, 16), c)) return h;
    const float    d = times_power2(fit_scale(scale, weight, 16, top_of(extremes(scale, 16)), c).d, exponent);
    const uint16_t h = finite_half(d);
    return h & 0x7fff || d == 0 ? h : static_cast<uint16_t>(h + 1);
}

/// The sums of one scale, or line, out of line.
GK_NOINLINE static ScaleSums sums_at(const float* x, const float* w, size_t n, float d, const Codes& c) {
    return scale_sums(x, w, n, four(quotient(1, d)), c.lo, c.hi);
}
GK_NOINLINE static LineSums sums_at(const float* x, const float* w, size_t n, Line l, float hi) {
    const float inverse = quotient(1, l.d);
    return line_sums(x, w, n, four(inverse), four(-l.m * inverse), hi);
}

/// w = d sc[j] (q[i] + lo), 16 weights a group.
struct ScaledGroups {
    uint8_t  q[256];
    int      sc[16];
    uint16_t d;
    float    error;

    ScaledGroups(const float* x, const float* weight, const Codes& codes, const Codes& scales)
        : q(), sc(), d(0), error(infinity) {
        const Values v(x, weight, 256);
        float s[16], sensitivity[16];
        for (size_t j = 0; j < 16; j++) {
            const float* const p = v.x + 16 * j;
            const Fit fit = fit_scale(p, v.weights(16 * j), 16, top_of(extremes(p, 16)), codes);
            s[j] = fit.d;
            sensitivity[j] = fit.weight;
        }
        uint16_t next = scale_of_scales(s, sensitivity, scales, v.exponent);
        for (int round = 0; round < 2 && settle(v, s, codes, scales, next); round++) next = refit(v, codes);
        if ((d & 0x7fff) < 0x400 && d & 0x7fff) {               // halves are few
            const uint16_t middle = d;
            settle(v, s, codes, scales, static_cast<uint16_t>(middle + 1));
            if (middle & 0x3ff) settle(v, s, codes, scales, static_cast<uint16_t>(middle - 1));
        }
        for (size_t j = 0; j < 16; j++)
            round_codes(v.x + 16 * j, 16, v.value(d) * static_cast<float>(sc[j]), codes.lo, codes.hi, q + 16 * j);
    }
private:
    /// Takes this d, with the best of four scales for each group, if that is better than what there is.
    bool settle(const Values& v, const float* s, const Codes& codes, const Codes& scales, uint16_t h) {
        const float unit = v.value(h);
        float all = 0;
        int   best[16] = {};
        for (size_t j = 0; j < 16; j++) {
            const float wanted = quotient(s[j], unit), middle = nearest_in(wanted, scales.lo, scales.hi);
            const float beyond = wanted > middle ? 2.0f : -2.0f;
            Four code = {{middle, middle - 1, middle + 1, middle + beyond}}, d4;
            for (size_t l = 0; l < 4; l++) {
                code.lane[l] = nearest_in(code.lane[l], scales.lo, scales.hi);
                d4.lane[l]   = unit * code.lane[l];
            }
            const Four   e = scale_error(v.x + 16 * j, v.weights(16 * j), 16, d4, codes.lo, codes.hi);
            const size_t l = least_of(e);
            best[j] = static_cast<int>(code.lane[l]);
            all += e.lane[l];
        }
        if (!(all < error)) return false;
        error = all;
        d     = h;
        memcpy(sc, best, sizeof sc);
        return true;
    }
    uint16_t refit(const Values& v, const Codes& codes) const {
        float xq = 0, qq = 0;
        for (size_t j = 0; j < 16; j++) {
            const float code = static_cast<float>(sc[j]);
            const ScaleSums t = sums_at(v.x + 16 * j, v.weights(16 * j), 16, v.value(d) * code, codes);
            xq += code * t.xq.lane[0];
            qq += code * code * t.qq.lane[0];
        }
        return v.half(quotient(xq, qq));
    }
};

/// w = d sc[j] q[i] - dmin mn[j], sc and mn in 0 .. scales.hi.
template <size_t group> struct LineGroups {
    static constexpr size_t count = 256 / group;
    uint8_t  q[256];
    int      sc[16], mn[16];
    uint16_t d, dmin;
    float    error;

    LineGroups(const float* x, const float* weight, const LineCodes& codes, const Codes& scales)
        : q(), sc(), mn(), d(0), dmin(0), error(infinity) {
        Values v(x, weight, 256);
        const bool flip = extremes(x, 256).least > 0;           // offsets are -dmin mn: above 0 for -d and -dmin
        if (flip) for (float& f : v.x) f = -f;
        Line  line[16];
        float slope[16] = {}, depth[16] = {}, of_slope[16] = {}, of_depth[16] = {};
        for (size_t j = 0; j < count; j++) {
            const float* const p = v.x + group * j;
            const float* const w = v.weights(group * j);
            LineFit fit = fit_line(p, w, group, codes);
            if (fit.m > 0) {
                const Codes from_0 = {0, codes.hi, codes.first, codes.ratio, codes.turns, 2};
                const Fit   steep  = fit_scale(p, w, group, top_of(extremes(p, group)), from_0);
                fit.d = steep.d > 0 ? steep.d : 0;
                fit.m = 0;
            }
            line[j] = {fit.d, fit.m};
            slope[j] = fit.d;
            depth[j] = -fit.m;
            of_slope[j] = fit.weight_d;
            of_depth[j] = fit.weight_m;
        }
        uint16_t next     = scale_of_scales(slope, of_slope, scales, v.exponent);
        uint16_t next_min = scale_of_scales(depth, of_depth, scales, v.exponent);
        for (int round = 0; round < 2 && settle(v, line, codes.hi, scales.hi, next, next_min); round++)
            refit(v, codes.hi, &next, &next_min);
        for (size_t j = 0; j < count; j++)
            round_line(v.x + group * j, group, line_of(v, d, dmin, sc[j], mn[j]), codes.hi, q + group * j);
        if (flip) { d ^= 0x8000; dmin ^= 0x8000; }
    }
private:
    static Line line_of(const Values& v, uint16_t a, uint16_t b, int s, int m) {
        return {v.value(a) * static_cast<float>(s), -v.value(b) * static_cast<float>(m)};
    }
    bool settle(const Values& v, const Line* line, float hi, float top, uint16_t a, uint16_t b) {
        const float unit = v.value(a), unit_m = v.value(b);
        float all = 0;
        int   best_s[16] = {}, best_m[16] = {};
        for (size_t j = 0; j < count; j++) {
            const float s = nearest_in(quotient(line[j].d, unit), 0, top);
            const float m = nearest_in(quotient(-line[j].m, unit_m), 0, top);
            const float around[2][2][4] = {{{0, 1, -1, 0}, {0, 0, 0, 1}}, {{0, 1, -1, 2}, {-1, 1, -1, 1}}};
            float least = infinity;
            for (const auto& turn : around) {
                Four si, mi, d4, m4;
                for (size_t l = 0; l < 4; l++) {
                    si.lane[l] = nearest_in(s + turn[0][l], 0, top);
                    mi.lane[l] = nearest_in(m + turn[1][l], 0, top);
                    d4.lane[l] = unit * si.lane[l];
                    m4.lane[l] = -unit_m * mi.lane[l];
                }
                const Four   e = line_error(v.x + group * j, v.weights(group * j), group, d4, m4, hi);
                const size_t l = least_of(e);
                if (e.lane[l] < least) {
                    least     = e.lane[l];
                    best_s[j] = static_cast<int>(si.lane[l]);
                    best_m[j] = static_cast<int>(mi.lane[l]);
                }
            }
            all += least;
        }
        if (!(all < error)) return false;
        error = all;
        d     = a;
        dmin  = b;
        memcpy(sc, best_s, sizeof sc);
        memcpy(mn, best_m, sizeof mn);
        return true;
    }
    /// Least squares for d and dmin, all codes as they are.
    void refit(const Values& v, float hi, uint16_t* a, uint16_t* b) const {
        float qq = 0, qm = 0, mm = 0, xq = 0, xm = 0;
        for (size_t j = 0; j < count; j++) {
            const float* const p = v.x + group * j;
            const float* const w = v.weights(group * j);
            const float s = static_cast<float>(sc[j]), m = static_cast<float>(mn[j]);
            const LineSums t = sums_at(p, w, group, line_of(v, d, dmin, sc[j], mn[j]), hi);
            const Moments  sum = moments(p, w, group);
            qq += s * s * t.qq.lane[0];
            qm += s * m * t.q.lane[0];
            mm += m * m * sum.w;
            xq += s * t.xq.lane[0];
            xm += m * sum.wx;
        }
        const float det = qq * mm - qm * qm;
        if (det > qq * mm * 1e-6f) {
            *a = v.half((xq * mm - xm * qm) / det);
            *b = v.half((xq * qm - xm * qq) / det);
        } else {
            *a = v.half(quotient(xq, qq));
        }
    }
};

/// Bit `bit` of code 32 g + i to bit g of byte i.
GK_INL void pack_planes(const uint8_t* q, int bit, uint8_t* out) {
    for (size_t i = 0; i < 32; i++) {
        unsigned byte = 0;
        for (size_t g = 0; g < 8; g++) byte |= (static_cast<unsigned>(q[32 * g + i]) >> bit & 1u) << g;
        out[i] = static_cast<uint8_t>(byte);
    }
}
/// The twelve bytes of Q4_K and Q5_K.
static void pack_6bit(const int* sc, const int* mn, uint8_t* sm) {
    for (size_t j = 0; j < 4; j++) {
        sm[j]     = static_cast<uint8_t>(sc[j] | sc[j + 4] >> 4 << 6);
        sm[j + 4] = static_cast<uint8_t>(mn[j] | mn[j + 4] >> 4 << 6);
        sm[j + 8] = static_cast<uint8_t>((sc[j + 4] & 15) | (mn[j + 4] & 15) << 4);
    }
}

constexpr Codes     q3_k_codes = {-4, 3, 2.8f, 1.12f, 3, 1}, q3_k_scales = {-32, 31, 29, 1.02f, 3, 1};
constexpr Codes     q6_k_codes = {-32, 31, 29.5f, 1.02f, 2, 1}, q6_k_scales = {-128, 127, 124, 1.01f, 2, 1};
constexpr Codes     scales_4bit = {0, 15, 13, 1.06f, 3, 1}, scales_6bit = {0, 63, 60, 1.02f, 2, 1};
constexpr LineCodes q2_k_lines = {3, 2.3f, 1.2f, 2, 2}, q4_k_lines = {15, 13.7f, 1.07f, 2, 2};
constexpr LineCodes q5_k_lines = {31, 29.5f, 1.03f, 2, 2};

template <> struct Encoder<block_q2_k> {
    static void encode(const float* x, const float* weight, block_q2_k& out) {
        const LineGroups<16> g(x, weight, q2_k_lines, scales_4bit);
        for (size_t j = 0; j < 16; j++) out.sm[j] = static_cast<uint8_t>(g.sc[j] | g.mn[j] << 4);
        pack_pairs(g.q, out.qs);
        store_half(out.d, g.d);
        store_half(out.dmin, g.dmin);
    }
};
template <> struct Encoder<block_q3_k> {
    static void encode(const float* x, const float* weight, block_q3_k& out) {
        const ScaledGroups g(x, weight, q3_k_codes, q3_k_scales);
        memset(out.sc, 0, sizeof out.sc);
        for (size_t j = 0; j < 16; j++) {
            const unsigned code = static_cast<unsigned>(g.sc[j] + 32);
            out.sc[j % 8]     = static_cast<uint8_t>(out.sc[j % 8] | (code & 15) << (j / 8 * 4));
            out.sc[8 + j % 4] = static_cast<uint8_t>(out.sc[8 + j % 4] | code >> 4 << (j / 4 * 2));
        }
        pack_pairs(g.q, out.qs);
        pack_planes(g.q, 2, out.hs);
        store_half(out.d, g.d);
    }
};
template <> struct Encoder<block_q4_k> {
    static void encode(const float* x, const float* weight, block_q4_k& out) {
        const LineGroups<32> g(x, weight, q4_k_lines, scales_6bit);
        pack_6bit(g.sc, g.mn, out.sm);
        for (size_t r = 0; r < 4; r++) pack_nibbles(g.q + 64 * r, 32, out.qs + 32 * r);
        store_half(out.d, g.d);
        store_half(out.dmin, g.dmin);
    }
};
template <> struct Encoder<block_q5_k> {
    static void encode(const float* x, const float* weight, block_q5_k& out) {
        const LineGroups<32> g(x, weight, q5_k_lines, scales_6bit);
        pack_6bit(g.sc, g.mn, out.sm);
        for (size_t r = 0; r < 4; r++) pack_nibbles(g.q + 64 * r, 32, out.qs + 32 * r);
        pack_planes(g.q, 4, out.hs);
        store_half(out.d, g.d);
        store_half(out.dmin, g.dmin);
    }
};
template <> struct Encoder<block_q6_k> {
    static void encode(const float* x, const float* weight, block_q6_k& out) {
        const ScaledGroups g(x, weight, q6_k_codes, q6_k_scales);
        uint8_t high[256];
        for (size_t i = 0; i < 256; i++) high[i] = g.q[i] >> 4;
        for (size_t c = 0; c < 2; c++)
            for (size_t p = 0; p < 2; p++)
                for (size_t i = 0; i < 32; i++) {
                    const uint8_t* const code = g.q + 128 * c + 32 * p + i;
                    out.qs[64 * c + 32 * p + i] = static_cast<uint8_t>((code[0] & 15) | code[64] << 4);
                }
        pack_pairs(high, out.hs);
        for (size_t j = 0; j < 16; j++) out.sc[j] = static_cast<uint8_t>(g.sc[j]);
        store_half(out.d, g.d);
    }
};
template <> struct Encoder<block_q8_k> {
    /// The largest value is code -128, or 127 where that is better, as for +-127: then with a d that comes back from
    /// 127 d.
    static void encode(const float* x, const float* weight, block_q8_k& out) {
        const Values v(x, weight, 256);
        const float top = times_power2(v.top, v.exponent);
        float d = -top / 128, other = top / 127;
        if (exponent_of(magnitude(top)) < -118)
            d = other = top == 0 ? 0 : magnitude(top) < 1e-42f ? f32_from_bits(1) : d;
        for (int i = 0; i < 4; i++) other = other * 127 / 127;
        const auto error = [&](float f) {
            return scale_error(v.x, v.weights(), 256, four(times_power2(f, -v.exponent)), -128, 127).lane[0];
        };
        if (finite(other * 127) && error(other) < error(d)) d = other;
        uint8_t q[256];
        round_codes(v.x, 256, times_power2(d, -v.exponent), -128, 127, q);
        memcpy(out.d, &d, 4);
        for (size_t i = 0; i < 256; i++) out.qs[i] = static_cast<uint8_t>(q[i] ^ 0x80);
        for (size_t j = 0; j < 16; j++) {
            int sum = 0;
            for (size_t i = 0; i < 16; i++) sum += q[16 * j + i] - 128;
            const int16_t word = static_cast<int16_t>(sum);
            memcpy(out.sums + 2 * j, &word, 2);
        }
    }
};

#endif

// ---- checkpoints ------------------------------------------------------------
#if GK_HAS_CHECKPOINTS

constexpr LineCodes checkpoint_lines = {15, 14, 1.1f, 3, 2};

template <> struct Encoder<block_awq4> {
    static void encode(const float* x, const float* weight, block_awq4& out) {
        uint8_t q[128];
        encode_line<ZeroLine>(x, weight, 128, checkpoint_lines, out.s, out.z, q);
        memset(out.zero, 0, sizeof out.zero);
        pack_nibbles(q, 64, out.qs);
    }
};
template <> struct Encoder<block_gptq4> {
    static void encode(const float* x, const float* weight, block_gptq4& out) {
        Encoder<block_awq4>::encode(x, weight, out);
    }
};

/// The eight means of least error. Their clusters are intervals of the sorted values; what is gained by cutting the
/// first b into c + 1 is the most over a of what cutting the first a into c gains, and one cluster of the rest. The
/// best a rises with b, so that halving finds all of them.
class Clusters {
public:
    explicit Clusters(const Values& v) {
        for (size_t i = 0; i < n; i++) {
            x[i] = v.x[i];
            w[i] = (v.weights() ? static_cast<double>(v.weights()[i]) : 1) + 1e-9;
        }
        const size_t gaps[] = {57, 23, 10, 4, 1};
        for (size_t gap : gaps)
            for (size_t i = gap; i < n; i++) {
                const float  value = x[i];
                const double weight = w[i];
                size_t j = i;
                for (; j >= gap && x[j - gap] > value; j -= gap) { x[j] = x[j - gap]; w[j] = w[j - gap]; }
                x[j] = value;
                w[j] = weight;
            }
        sum_w[0] = sum_x[0] = 0;
        for (size_t i = 0; i < n; i++) {
            sum_w[i + 1] = sum_w[i] + w[i];
            sum_x[i + 1] = sum_x[i] + w[i] * static_cast<double>(x[i]);
        }
    }
    void levels(float* out) {
        if (!separate()) {
            double gain[2][n + 1];
            for (size_t b = 1; b <= n; b++) gain[0][b] = part(0, b);
            for (size_t c = 1; c < count; c++) cut(gain[(c + 1) % 2], gain[c % 2], c, c + 1, n, c, n - 1);
            first[count] = n;
            for (size_t c = count; c-- > 0;) first[c] = c ? cuts[c][first[c + 1]] : 0;
        }
        for (size_t c = 0; c < count; c++) out[c] = mean(first[c], first[c + 1]);
    }

private:
    static constexpr size_t n = 256, count = 8;
    float    x[n];
    double   w[n], sum_w[n + 1], sum_x[n + 1];                  // sums of what is before
    uint16_t cuts[count][n + 1];
    size_t   first[count + 1];

    double part(size_t a, size_t b) const {
        const double s = sum_x[b] - sum_x[a];
        return s * s / (sum_w[b] - sum_w[a]);
    }
    float  mean(size_t a, size_t b) const {
        if (a >= b || x[a] == x[b - 1]) return x[a < n ? a : n - 1];
        return static_cast<float>((sum_x[b] - sum_x[a]) / (sum_w[b] - sum_w[a]));
    }
    /// For b of lo .. hi: the most gained with a of from .. to.
    void cut(const double* before, double* after, size_t c, size_t lo, size_t hi, size_t from, size_t to) {
        const size_t b = (lo + hi) / 2;
        double most = -1;
        size_t at = from;
        for (size_t a = from; a <= to && a < b; a++) {
            const double gain = before[a] + part(a, b);
            if (gain > most) { most = gain; at = a; }
        }
        after[b]   = most;
        cuts[c][b] = static_cast<uint16_t>(at);
        if (lo < b) cut(before, after, c, lo, b - 1, from, at);
        if (b < hi) cut(before, after, c, b + 1, hi, at, to);
    }
    /// One cluster for each of up to eight different values.
    bool separate() {
        size_t c = 0;
        first[0] = 0;
        for (size_t i = 1; i < n; i++)
            if (x[i] != x[i - 1]) { if (++c == count) return false; first[c] = i; }
        while (++c <= count) first[c] = n;
        return true;
    }
};
template <> struct Encoder<block_squeeze> {
    static void encode(const float* x, const float* weight, block_squeeze& out) {
        const Values v(x, weight, 256);
        float level[8];
        Clusters(v).levels(level);
        store_half(out.d, 0x3c00);
        for (size_t g = 0; g < 32; g++) {
            uint32_t codes = 0;
            for (size_t i = 0; i < 8; i++) {
                const float value = v.x[8 * g + i];
                uint32_t q = 0;
                for (uint32_t c = 1; c < 8; c++)
                    if (magnitude(level[c] - value) < magnitude(level[q] - value)) q = c;
                codes |= q << (3 * i);
            }
            for (size_t i = 0; i < 3; i++) out.qs[3 * g + i] = static_cast<uint8_t>(codes >> (8 * i));
        }
        for (size_t c = 0; c < 8; c++) {
            const float f = times_power2(level[c], v.exponent);
            memcpy(out.levels + 4 * c, &f, 4);
        }
    }
};

#endif
// ---- grids ------------------------------------------------------------------
#if GK_HAS_IQ
//
// A part of a block, 16 or 32 weights, has a scale: d times a unit times an odd step. For a scale, a digit costs w (x -
// scale value)^2, counted from the cheapest of its weight, and a row costs the sum of its digits. A row is a lower and
// an upper half: with the costs of all halves in tables it costs one addition. Where signs are apart, x are magnitudes.
//   1. The scale that each part would like, without regard to the grid: any digits will do.
//   2. d: of many, the two that come nearest to these scales.
//   3. For both, and four steps next to what each part would like, the least costs of rows: eight scales at once, in
//      16-bit integers.
//   4. The best rows for the best of these, exactly; d by least squares; the best rows again.

constexpr size_t LANES = 8;
/// Eight floats or integers: scales at which costs are compared, or the weights of a group.
#if GK_X86 && (defined(__SSE2__) || defined(_M_X64))
struct Eight  { __m128 lo, hi; };
struct Shorts { __m128i all; };
GK_INL Eight  eight(float v)                       { return {_mm_set1_ps(v), _mm_set1_ps(v)}; }
GK_INL Eight  eight(const float* p)                { return {_mm_loadu_ps(p), _mm_loadu_ps(p + 4)}; }
GK_INL void   put(float* p, Eight a)               { _mm_storeu_ps(p, a.lo); _mm_storeu_ps(p + 4, a.hi); }
GK_INL Eight  operator+(Eight a, Eight b)          { return {_mm_add_ps(a.lo, b.lo), _mm_add_ps(a.hi, b.hi)}; }
GK_INL Eight  operator-(Eight a, Eight b)          { return {_mm_sub_ps(a.lo, b.lo), _mm_sub_ps(a.hi, b.hi)}; }
GK_INL Eight  operator*(Eight a, Eight b)          { return {_mm_mul_ps(a.lo, b.lo), _mm_mul_ps(a.hi, b.hi)}; }
GK_INL Eight  lesser(Eight a, Eight b)             { return {_mm_min_ps(a.lo, b.lo), _mm_min_ps(a.hi, b.hi)}; }
GK_INL Shorts operator+(Shorts a, Shorts b)        { return {_mm_add_epi16(a.all, b.all)}; }
GK_INL Shorts lesser(Shorts a, Shorts b)           { return {_mm_min_epi16(a.all, b.all)}; }
GK_INL Shorts shorts(int16_t v)                    { return {_mm_set1_epi16(v)}; }
GK_INL Shorts shorts(Eight a) {
    return {_mm_packs_epi32(_mm_cvttps_epi32(a.lo), _mm_cvttps_epi32(a.hi))};
}
GK_INL Eight  floats(Shorts a) {                   // of what is not negative
    const __m128i zero = _mm_setzero_si128();
    return {_mm_cvtepi32_ps(_mm_unpacklo_epi16(a.all, zero)), _mm_cvtepi32_ps(_mm_unpackhi_epi16(a.all, zero))};
}
#elif GK_ARM64
struct Eight  { float32x4_t lo, hi; };
struct Shorts { int16x8_t all; };
GK_INL Eight  eight(float v)                       { return {vdupq_n_f32(v), vdupq_n_f32(v)}; }
GK_INL Eight  eight(const float* p)                { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
GK_INL void   put(float* p, Eight a)               { vst1q_f32(p, a.lo); vst1q_f32(p + 4, a.hi); }
GK_INL Eight  operator+(Eight a, Eight b)          { return {vaddq_f32(a.lo, b.lo), vaddq_f32(a.hi, b.hi)}; }
GK_INL Eight  operator-(Eight a, Eight b)          { return {vsubq_f32(a.lo, b.lo), vsubq_f32(a.hi, b.hi)}; }
GK_INL Eight  operator*(Eight a, Eight b)          { return {vmulq_f32(a.lo, b.lo), vmulq_f32(a.hi, b.hi)}; }
GK_INL Eight  lesser(Eight a, Eight b)             { return {vminq_f32(a.lo, b.lo), vminq_f32(a.hi, b.hi)}; }
GK_INL Shorts operator+(Shorts a, Shorts b)        { return {vaddq_s16(a.all, b.all)}; }
GK_INL Shorts lesser(Shorts a, Shorts b)           { return {vminq_s16(a.all, b.all)}; }
GK_INL Shorts shorts(int16_t v)                    { return {vdupq_n_s16(v)}; }
GK_INL Shorts shorts(Eight a) {
    return {vcombine_s16(vmovn_s32(vcvtq_s32_f32(a.lo)), vmovn_s32(vcvtq_s32_f32(a.hi)))};
}
GK_INL Eight  floats(Shorts a) {
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(a.all))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(a.all)))};
}
#else
struct Eight  { float all[LANES]; };
struct Shorts { int16_t all[LANES]; };
template <class V, class F> GK_INL V each(F f) {
    V v;
    for (size_t i = 0; i < LANES; i++) v.all[i] = f(i);
    return v;
}
GK_INL Eight  eight(float v)                       { return each<Eight>([&](size_t) { return v; }); }
GK_INL Eight  eight(const float* p)                { return each<Eight>([&](size_t i) { return p[i]; }); }
GK_INL void   put(float* p, Eight a)               { for (size_t i = 0; i < LANES; i++) p[i] = a.all[i]; }
GK_INL Eight operator+(Eight a, Eight b) { return each<Eight>([&](size_t i) { return a.all[i] + b.all[i]; }); }
GK_INL Eight operator-(Eight a, Eight b) { return each<Eight>([&](size_t i) { return a.all[i] - b.all[i]; }); }
GK_INL Eight operator*(Eight a, Eight b) { return each<Eight>([&](size_t i) { return a.all[i] * b.all[i]; }); }
template <class V> GK_INL V lesser(V a, V b) {
    return each<V>([&](size_t i) { return a.all[i] < b.all[i] ? a.all[i] : b.all[i]; });
}
GK_INL Shorts operator+(Shorts a, Shorts b) {
    return each<Shorts>([&](size_t i) { return static_cast<int16_t>(a.all[i] + b.all[i]); });
}
GK_INL Shorts shorts(int16_t v)                    { return each<Shorts>([&](size_t) { return v; }); }
GK_INL Shorts shorts(Eight a) { return each<Shorts>([&](size_t i) { return static_cast<int16_t>(a.all[i]); }); }
GK_INL Eight floats(Shorts a) { return each<Eight>([&](size_t i) { return static_cast<float>(a.all[i]); }); }
#endif
GK_INL float  total(Eight a) {
    float v[LANES];
    put(v, a);
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/// Weights, ones where there are none, and nowhere quite 0.
template <size_t N> static void weights_of(const Values& v, float (&w)[N]) {
    const float* const given = v.weights();
    Eight sum = eight(0.0f);
    for (size_t i = 0; given && i < N; i += LANES) sum = sum + eight(given + i);
    const float least = total(sum) * (1.0f / 4096 / N);
    for (size_t i = 0; i < N; i++) w[i] = !given ? 1 : given[i] > least ? given[i] : least;
}

/// A half of a row is two places to base 9 or 8: pairs of ternary digits, or digits. Tables of halves have lines of
/// `stride`.
template <size_t Digits> struct Half {
    static constexpr size_t dims = Digits == 3 ? 8 : 4, base = Digits == 3 ? 9 : 8, stride = Digits == 3 ? 12 : 8;
    static constexpr size_t count = base * base;
};
/// The rows of a grid in the order of their index: those of upper half h are first[h] .. first[h + 1] - 1, and lo says
/// where their lower half is in a table. four: the same by fours of one upper half, some of them twice: it, and four
/// lower halves.
template <size_t Digits, size_t N, size_t Fours> struct Halves {
    uint8_t  lo[N];
    uint16_t first[Half<Digits>::count + 1];
    uint8_t  four[Fours][5];
};
template <size_t Digits, size_t Words> constexpr size_t fours_of(const uint64_t (&bitmap)[Words]) {
    using H = Half<Digits>;
    size_t fours = 0;
    for (size_t h = 0, v = 0; h < H::count; h++) {
        size_t rows = 0;
        for (size_t l = 0; l < H::count; l++, v++) rows += bitmap[v / 64] >> (v % 64) & 1;
        fours += (rows + 3) / 4;
    }
    return fours;
}
template <size_t Digits, size_t N, size_t Fours, size_t Words>
constexpr Halves<Digits, N, Fours> halves_of(const uint64_t (&bitmap)[Words]) {
    using H = Half<Digits>;
    Halves<Digits, N, Fours> halves = {};
    size_t rank = 0, fours = 0;
    for (size_t h = 0, v = 0; h < H::count; h++) {
        const size_t begin = rank;
        halves.first[h] = static_cast<uint16_t>(rank);
        for (size_t l = 0; l < H::count; l++, v++)
            if (bitmap[v / 64] >> (v % 64) & 1)
                halves.lo[rank++] = static_cast<uint8_t>(l / H::base * H::stride + l % H::base);
        for (size_t r = begin; r < rank; r += 4, fours++) {
            halves.four[fours][0] = static_cast<uint8_t>(h / H::base * H::stride + h % H::base);
            for (size_t j = 0; j < 4; j++) halves.four[fours][j + 1] = halves.lo[r + j < rank ? r + j : rank - 1];
        }
    }
    halves.first[H::count] = static_cast<uint16_t>(rank);
    return halves;
}
#define GK_HALVES(name, digits, n) \
    constexpr auto name##_halves = halves_of<digits, n, fours_of<digits>(name##_bitmap)>(name##_bitmap);
GK_HALVES(iq1, 3, 2048)
GK_HALVES(iq2_xxs, 3, 256)
GK_HALVES(iq2_xs, 3, 512)
GK_HALVES(iq2_s, 3, 1024)
GK_HALVES(iq3_xxs, 8, 256)
GK_HALVES(iq3_s, 8, 512)
#undef GK_HALVES

/// What the search asks of a format.
template <size_t Digits, class Row> struct GridFormat {
    const uint8_t*  lo;
    const uint16_t* first;
    const uint8_t (*four)[5];
    size_t          fours;
    const Row*      rows;
    float           value[2][Digits];   // of a digit; the second where the shift is down
    size_t          part, span;         // weights that share a scale; a shift, or 0: rows have neither signs nor shifts
    float           steps, unit;        // scales are d unit (2 s + 1), s < steps
    bool            even;               // the minus signs of 8 weights are even in number
    // costs count up to that of this distance for a weight of the largest importance
    float           reach;
};
/// A block before its fields are packed.
struct GridBlock {
    uint16_t row[64];
    uint8_t  minus[32], down[32], step[16];        // of 8 weights; of 8; of a part
    uint16_t d;
};

GK_INL bool odd_bits(uint32_t x)                   { x ^= x >> 4; x ^= x >> 2; return ((x ^ x >> 1) & 1) != 0; }

template <size_t Digits, class Row> class GridSearch {
    using H = Half<Digits>;
    static constexpr size_t dims = H::dims, halves = 8 / dims;         // rows of 8 weights
    static constexpr float  cap = 32760.0f / dims, endless = 3e38f;

    const GridFormat<Digits, Row>& f;
    Values  v;
    float   x[256], w[256];             // v.x, or its magnitudes
    // of each 8 weights: signs; the weight to negate if that is for nothing but their number
    uint8_t minus[32], cheapest[32];
    bool    odd[32];                    // is one to be negated?
    size_t  parts;

    // of a part; cost[row] times unit scale^2
    struct Trial { float scale[LANES], error[LANES], unit; int16_t cost[8][LANES]; };
    struct Sums { Eight error, xg, gg; };                               // w (x - scale g)^2, w x g, w g g
    // of each part, at both scales: the steps around those that it would like, and of these the best
    struct Trials { Trial trial[16]; uint8_t step[16][LANES], pick[2][16]; float sum[2] = {0, 0}; };

public:
    GridSearch(const GridFormat<Digits, Row>& format, const float* in, const float* weight)
        : f(format), v(in, weight, 256), x(), w(), minus(), cheapest(), odd(), parts(256 / format.part) {
        weights_of(v, w);
        for (size_t i = 0; i < 256; i++) {
            const bool negative = !f.span && v.x[i] < 0;
            x[i] = negative ? -v.x[i] : v.x[i];
            minus[i / 8] = static_cast<uint8_t>(minus[i / 8] | (negative ? 1 << i % 8 : 0));
        }
        for (size_t g = 0; f.even && g < 32; g++) {
            odd[g] = odd_bits(minus[g]);
            for (uint8_t j = 1; j < 8; j++)
                if (x[8 * g + j] * w[8 * g + j] < x[8 * g + cheapest[g]] * w[8 * g + cheapest[g]]) cheapest[g] = j;
        }
    }
    void run(GridBlock& out);

private:

    /// like[p], the scale that part p would like, and stiff[p], the curvature of its error there; the largest of these.
    float likes(float (&like)[16], float (&stiff)[16]) const;
    /// The two d, as scales of step 0, whose multiples come nearest to what parts would like. False if there is none.
    bool two_scales(const float (&like)[16], const float (&stiff)[16], float most, float (&two)[2]) const;
    void try_steps(const float (&like)[16], const float (&two)[2], Trials& tried) const;
    /// The steps picked at scale h, and what the rows of a half may cost by them.
    void bounds(const Trials& tried, size_t h, GridBlock& b, float (&bound)[64]) const;
    /// What the rows of a block cost at another d.
    void bounds_at(float d, const GridBlock& b, float (&bound)[64]) const;
    /// The least errors of part p with any digits, at eight scales.
    Eight loose(size_t p, const Eight& scale) const {
        Eight at[2][Digits], sum = eight(0.0f), spans[2] = {sum, sum};
        const size_t shifts = f.span ? 2 : 1;
        for (size_t s = 0; s < shifts; s++) for (size_t k = 0; k < Digits; k++) at[s][k] = scale * eight(f.value[s][k]);
        const size_t begin = p * f.part, span = f.span ? f.span : f.part;
        for (size_t i = begin; i < begin + f.part; i += span) {
            spans[0] = spans[1] = eight(0.0f);
            for (size_t j = i; j < i + span; j++) {
                const Eight one = eight(x[j]), weight = eight(w[j]);
                for (size_t s = 0; s < shifts; s++) {
                    Eight least = (one - at[s][0]) * (one - at[s][0]);
                    for (size_t k = 1; k < Digits; k++) least = lesser(least, (one - at[s][k]) * (one - at[s][k]));
                    spans[s] = spans[s] + weight * least;
                }
            }
            sum = sum + (f.span ? lesser(spans[0], spans[1]) : spans[0]);
        }
        return sum;
    }
    /// The costs of a half, from those of its digits.
    static void tabulate(const Shorts (*cost)[Digits], Shorts* half) {
        if constexpr (Digits == 3) {
            Shorts low[9], high[9];
            for (size_t k = 0; k < 3; k++)
                for (size_t j = 0; j < 3; j++) {
                    low[3 * k + j]  = cost[0][j] + cost[1][k];
                    high[3 * k + j] = cost[2][j] + cost[3][k];
                }
            for (size_t line = 0; line < 9; line++)
                for (size_t l = 0; l < 9; l++) half[line * H::stride + l] = low[l] + high[line];
        } else {
            for (size_t line = 0; line < 8; line++)
                for (size_t l = 0; l < 8; l++) half[line * H::stride + l] = cost[0][l] + cost[1][line];
        }
    }
    /// The least cost of a row at eight scales, from the costs of digits.
    Shorts least_cost(const Shorts (*cost)[Digits]) const {
        Shorts lower[H::base * H::stride], upper[H::base * H::stride], best = shorts(32767);
        tabulate(cost, lower);
        tabulate(cost + dims / 2, upper);
        const uint8_t (*q)[5] = f.four;
        for (size_t n = f.fours; n > 0; n--, q++) {
            const Shorts pair = lesser(lower[(*q)[1]], lower[(*q)[2]]), other = lesser(lower[(*q)[3]], lower[(*q)[4]]);
            best = lesser(best, upper[(*q)[0]] + lesser(pair, other));
        }
        return best;
    }
    /// t.error = the least errors of part p at t.scale, with rows of the grid.
    void errors(size_t p, Trial& t) const {
        const size_t begin = p * f.part;
        float mean = 0, most = 0;
        for (size_t i = begin; i < begin + f.part; i++) { mean += w[i]; most = w[i] > most ? w[i] : most; }
        mean *= 8 / static_cast<float>(f.part);
        const float fine = cap / ((most < mean ? most : mean) * f.reach * f.reach);
        const Eight scale = eight(t.scale), top = eight(cap), half = eight(0.5f);
        float inverse[LANES];
        for (size_t l = 0; l < LANES; l++) inverse[l] = 1 / t.scale[l];
        const Eight per = eight(inverse);
        Eight sum = eight(0.0f);
        for (size_t i = begin, n = 0; i < begin + f.part; i += dims, n++) {
            Shorts cost[dims][Digits];
            const size_t g = i / 8, flip = odd[g] ? 8 * g + cheapest[g] : 256;
            for (size_t j = 0; j < dims; j++) {
                const Eight one = per * eight(i + j == flip ? -x[i + j] : x[i + j]), weight = eight(w[i + j] * fine);
                Eight c[Digits];
                for (size_t k = 0; k < Digits; k++) { const Eight e = one - eight(f.value[0][k]); c[k] = e * e; }
                Eight least = c[0];
                for (size_t k = 1; k < Digits; k++) least = lesser(least, c[k]);
                for (size_t k = 0; k < Digits; k++) cost[j][k] = shorts(lesser((c[k] - least) * weight, top) + half);
                sum = sum + weight * least;
            }
            const Eight best = floats(least_cost(cost));
            float whole[LANES];
            put(whole, best);
            for (size_t l = 0; l < LANES; l++) t.cost[n][l] = static_cast<int16_t>(whole[l]);
            sum = sum + best;
        }
        t.unit = 1 / fine;
        put(t.error, sum * scale * scale * eight(t.unit));
    }

    /// The best row, of those that cost less than `bound`, which becomes its cost; cost[digit][weight].
    bool search(const float (*cost)[8], size_t from, float& bound, uint16_t& best) const {
        float place[4][H::stride], lower[H::base * H::stride];
        for (size_t q = 0; q < 4; q++) {
            if constexpr (Digits == 3) {
                for (size_t k = 0; k < 3; k++)
                    for (size_t j = 0; j < 3; j++) place[q][3 * k + j] = cost[j][2 * q] + cost[k][2 * q + 1];
                for (size_t k = 9; k < H::stride; k++) place[q][k] = 0;
            } else {
                for (size_t k = 0; k < 8; k++) place[q][k] = cost[k][from + q];
            }
        }
        for (size_t line = 0; line < H::base; line++)
            for (size_t l = 0; l < H::stride; l++) lower[line * H::stride + l] = place[0][l] + place[1][line];
        bool found = false;
        const auto scan = [&](size_t h, float upper) {
            for (size_t r = f.first[h]; r < f.first[h + 1]; r++) {
                const float c = upper + lower[f.lo[r]];
                if (c < bound) { bound = c; best = static_cast<uint16_t>(r); found = true; }
            }
        };
        size_t free[2] = {0, 0};                   // the upper half that costs nothing
        for (size_t q = 0; q < 2; q++) while (place[2 + q][free[q]] > 0) free[q]++;
        scan(free[1] * H::base + free[0], 0);
        for (size_t up = 0; up < H::base; up++) {
            if (!(place[3][up] < bound)) continue;
            for (size_t u = 0; u < H::base; u++) {
                const float upper = place[2][u] + place[3][up];
                if (upper < bound) scan(up * H::base + u, upper);
            }
        }
        return found;
    }
    /// Rows and signs of 8 weights at `scale`, none of which costs as much as `bound`, to b; false if there are none.
    bool choose(size_t g, float scale, const float* bound, GridBlock& b) const {
        const float* const value = f.value[b.down[g]];
        const Eight one = eight(x + 8 * g), weight = eight(w + 8 * g);
        float cost[Digits][8], away[8];
        Eight c[Digits], least = eight(endless);
        for (size_t k = 0; k < Digits; k++) {
            const Eight e = one - eight(scale * value[k]);
            c[k] = weight * (e * e);
            least = lesser(least, c[k]);
        }
        for (size_t k = 0; k < Digits; k++) put(cost[k], c[k] - least);
        uint16_t* const rows = b.row + g * halves;
        float plain[halves];
        b.minus[g] = minus[g];
        for (size_t h = 0; h < halves && (!odd[g] || halves > 1); h++) {
            plain[h] = odd[g] ? endless : bound[h];
            if (!search(cost, h * dims, plain[h], rows[h])) return false;
        }
        if (!odd[g]) return true;
        // One of the signs is wrong. Negated, a weight costs so much more with its lowest digit:
        const Eight e = one + eight(scale * value[0]);
        put(away, weight * (e * e) - least);
        float best = bound[0];
        for (size_t h = 1; h < halves; h++) best += bound[h];
        uint16_t kept[halves] = {};
        size_t   flip = 8;
        for (size_t n = 0; n < 8; n++) {
            const size_t j = n == 0 ? cheapest[g] : n <= cheapest[g] ? n - 1 : n, h = j / dims;
            float rest = away[j];
            if (halves > 1) rest += plain[halves - 1 - h];
            if (!(rest < best)) continue;
            float column[Digits], left = best - rest;
            const float xj = x[8 * g + j], miss = xj + scale * value[0];
            for (size_t k = 0; k < Digits; k++) {
                const float t = xj + scale * value[k];
                column[k] = cost[k][j];
                cost[k][j] = w[8 * g + j] * (t * t - miss * miss);
            }
            if (search(cost, h * dims, left, kept[h])) {
                best = rest + left;
                flip = j;
                for (size_t q = 0; q < halves; q++) if (q != h) kept[q] = rows[q];
            }
            for (size_t k = 0; k < Digits; k++) cost[k][j] = column[k];
        }
        if (flip == 8) return false;
        for (size_t h = 0; h < halves; h++) rows[h] = kept[h];
        b.minus[g] = static_cast<uint8_t>(b.minus[g] ^ 1 << flip);
        return true;
    }
    /// What the rows and signs that b has for 8 weights come to, in the signs of x: grid values and x.
    void chosen(size_t g, const GridBlock& b, float* grid, float* to) const {
        const int shift = f.span ? (b.down[g] ? -1 : 1) : 0;
        const uint32_t wrong = static_cast<uint32_t>(b.minus[g] ^ minus[g]);
        for (size_t h = 0; h < halves; h++) {
            const uint64_t row = f.rows[b.row[g * halves + h]];
            for (size_t j = 0; j < dims; j++)
                grid[h * dims + j] = static_cast<float>(static_cast<int8_t>(row >> 8 * j & 255) + shift);
        }
        for (size_t j = 0; j < 8; j++) to[j] = wrong >> j & 1 ? -x[8 * g + j] : x[8 * g + j];
    }
    /// Adds up.
    void count(size_t g, float scale, const GridBlock& b, Sums& s) const {
        float grid[8], to[8];
        chosen(g, b, grid, to);
        const Eight q = eight(grid), one = eight(to), weight = eight(w + 8 * g), e = one - eight(scale) * q;
        s.error = s.error + weight * (e * e);
        s.xg = s.xg + weight * one * q;
        s.gg = s.gg + weight * q * q;
    }
    /// Shifts of part p at `scale`, as any digits would have them.
    void shifts(size_t p, float scale, GridBlock& b) const {
        for (size_t i = p * f.part; i < (p + 1) * f.part; i += f.span) {
            Eight sum[2] = {eight(0.0f), eight(0.0f)};
            for (size_t j = i; j < i + f.span; j += 8)
                for (size_t s = 0; s < 2; s++) {
                    Eight least = eight(endless);
                    for (size_t k = 0; k < Digits; k++) {
                        const Eight e = eight(x + j) - eight(scale * f.value[s][k]);
                        least = lesser(least, e * e);
                    }
                    sum[s] = sum[s] + eight(w + j) * least;
                }
            const bool down = total(sum[1]) < total(sum[0]);
            for (size_t j = i; j < i + f.span; j += 8) b.down[j / 8] = down;
        }
    }
    /// Rows and signs of all parts with d and the steps of b; bounds of what they cost at most, for each row. The sum
    /// of errors; d by least squares for these rows.
    float assign(float d, const float* bound, GridBlock& b, float& better) const {
        float error = 0, xg = 0, gg = 0;
        for (size_t p = 0; p < parts; p++) {
            const float step = static_cast<float>(2 * b.step[p] + 1) * f.unit;
            Sums s = {eight(0.0f), eight(0.0f), eight(0.0f)};
            if (f.span) shifts(p, d * step, b);
            for (size_t g = p * f.part / 8; g < (p + 1) * f.part / 8; g++) {
                const float any[2] = {endless, endless};
                if (!choose(g, d * step, bound + g * halves, b)) choose(g, d * step, any, b);
                count(g, d * step, b, s);
            }
            error += total(s.error);
            xg += step * total(s.xg);
            gg += step * step * total(s.gg);
        }
        better = gg > 0 ? xg / gg : 0;
        return error;
    }
};

template <size_t Digits, class Row> float GridSearch<Digits, Row>::likes(float (&like)[16], float (&stiff)[16]) const {
    float most = 0;
    for (size_t p = 0; p < parts; p++) {
        Eight xx = eight(0.0f), ww = xx;
        for (size_t i = p * f.part; i < (p + 1) * f.part; i += 8) {
            xx = xx + eight(w + i) * eight(x + i) * eight(x + i);
            ww = ww + eight(w + i);
        }
        const float square = total(xx), rms = sqrt32(square / total(ww)), widest = f.value[0][Digits - 1];
        if (!(rms > NEGLIGIBLE)) continue;
        constexpr size_t tries = 2 * LANES;
        const float ratio = f.span ? 1.079f : 1.104f;
        float scale[tries], error[tries];
        scale[0] = rms * (f.span ? 0.72f : 1.24f) / widest;
        for (size_t i = 1; i < tries; i++) scale[i] = scale[i - 1] * ratio;
        for (size_t i = 0; i < tries; i += LANES) put(error + i, loose(p, eight(scale + i)));
        size_t at = 0;
        for (size_t i = 1; i < tries; i++) if (error[i] < error[at]) at = i;
        like[p] = scale[at] * 1.02f;               // rows of the grid like it a little larger
        stiff[p] = square / (like[p] * like[p]);
        most = like[p] > most ? like[p] : most;
    }
    return most;
}
template <size_t Digits, class Row>
bool GridSearch<Digits, Row>::two_scales(const float (&like)[16], const float (&stiff)[16], float most,
        float (&two)[2]) const {
    float off[2] = {endless, endless};
    for (int i = 0; i < 20; i++) {
        const float top = 2 * f.steps * (1.08f - 0.03f * static_cast<float>(i));
        const float s = v.value(v.half(most / (top * f.unit))) * f.unit, inverse = 1 / s;
        if (!(s > 0) || s == two[0] || s == two[1]) continue;
        float each[LANES] = {};
        for (size_t g = 0; g < parts; g += LANES)
            for (size_t p = 0; p < LANES; p++) {
                const float e =
                    like[g + p] - s * (2 * nearest_in((like[g + p] * inverse - 1) * 0.5f, 0, f.steps - 1) + 1);
                each[p] += stiff[g + p] * e * e;
            }
        const float sum = total(eight(each));
        if (sum < off[0])      { two[1] = two[0]; off[1] = off[0]; two[0] = s; off[0] = sum; }
        else if (sum < off[1]) { two[1] = s; off[1] = sum; }
    }
    if (!(two[1] > 0)) two[1] = two[0];
    return two[0] > 0;
}
template <size_t Digits, class Row>
void GridSearch<Digits, Row>::try_steps(const float (&like)[16], const float (&two)[2], Trials& tried) const {
    for (size_t p = 0; p < parts; p++) {
        Trial& t = tried.trial[p];
        for (size_t l = 0; l < LANES; l++) {
            const float ratio = like[p] / two[l / 4];
            const float s     = nearest_in(ratio * 0.5f - 2.5f + static_cast<float>(l % 4), 0, f.steps - 1);
            tried.step[p][l] = static_cast<uint8_t>(s);
            t.scale[l] = two[l / 4] * (2 * s + 1);
        }
        if (f.span) put(t.error, loose(p, eight(t.scale)));
        else errors(p, t);
        for (size_t h = 0; h < 2; h++) {
            uint8_t at = static_cast<uint8_t>(4 * h);
            for (uint8_t l = at; l < 4 * h + 4; l++) if (t.error[l] < t.error[at]) at = l;
            tried.sum[h] += t.error[at];
            tried.pick[h][p] = at;
        }
    }
}
template <size_t Digits, class Row>
void GridSearch<Digits, Row>::bounds(const Trials& tried, size_t h, GridBlock& b, float (&bound)[64]) const {
    for (float& one : bound) one = endless;
    for (size_t p = 0; p < parts; p++) {
        const uint8_t l = tried.pick[h][p];
        const Trial& t = tried.trial[p];
        b.step[p] = tried.step[p][l];
        for (size_t n = 0; !f.span && n < f.part / dims; n++) {
            const size_t r = p * f.part / dims + n, g = r / halves;
            const float  scale = t.scale[l];
            bound[r] = (static_cast<float>(t.cost[n][l]) + dims) * t.unit * scale * scale;
            if (odd[g] && cheapest[g] / dims == r % halves) {
                const float xj = x[8 * g + cheapest[g]];
                float least = endless;
                for (float value : f.value[0]) {
                    const float e = xj - scale * value;
                    least = e * e < least ? e * e : least;
                }
                const float miss = xj + scale * f.value[0][0];
                bound[r] += w[8 * g + cheapest[g]] * (miss * miss - least);
            }
        }
    }
}
template <size_t Digits, class Row>
void GridSearch<Digits, Row>::bounds_at(float d, const GridBlock& b, float (&bound)[64]) const {
    for (size_t g = 0; g < 32; g++) {
        float grid[8], to[8], cost[8];
        const float scale = d * f.unit * static_cast<float>(2 * b.step[8 * g / f.part] + 1);
        chosen(g, b, grid, to);
        Eight least = eight(endless);
        for (float value : f.value[b.down[g]]) {
            const Eight e = eight(x + 8 * g) - eight(scale * value);
            least = lesser(least, e * e);
        }
        const Eight e = eight(to) - eight(scale) * eight(grid);
        put(cost, eight(w + 8 * g) * (e * e - least));
        for (size_t q = 0; q < halves; q++) {
            float c = 0;
            for (size_t j = 0; j < dims; j++) c += cost[q * dims + j];
            bound[g * halves + q] = c * 1.001f + 1e-30f;
        }
    }
}
template <size_t Digits, class Row> void GridSearch<Digits, Row>::run(GridBlock& out) {
    out = {};
    float like[16] = {}, stiff[16] = {}, two[2] = {0, 0}, bound[64];
    const float most = likes(like, stiff);
    if (!(most > 0) || !two_scales(like, stiff, most, two)) return;
    Trials tried;
    try_steps(like, two, tried);
    const size_t h = tried.sum[1] < tried.sum[0];
    GridBlock b = {};
    bounds(tried, h, b, bound);
    float best = endless, d = two[h] / f.unit;
    b.d = v.half(d);
    for (int round = 0; round < 2; round++) {
        float better;
        const float error = assign(d, bound, b, better);
        if (!(error < best)) break;
        best = error;
        out = b;
        b.d = v.half(better);
        d = v.value(b.d);
        if (b.d == out.d || !(d > 0)) break;
        bounds_at(d, b, bound);
    }
}

template <size_t Digits, class Row>
static GridBlock encode_grid(const GridFormat<Digits, Row>& f, const float* x, const float* weight) {
    GridBlock b;
    GridSearch<Digits, Row>(f, x, weight).run(b);
    return b;
}
#define GK_GRID(name) name##_halves.lo, name##_halves.first, name##_halves.four, \
    sizeof name##_halves.four / 5, name##_grid.row
constexpr GridFormat<3, uint64_t> grid_of_iq1_s =
    {GK_GRID(iq1), {{-7, 1, 9}, {-9, -1, 7}}, 32, 32, 8, 0.125f, false, 16};
constexpr GridFormat<3, uint64_t> grid_of_iq1_m =
    {GK_GRID(iq1), {{-7, 1, 9}, {-9, -1, 7}}, 16, 8, 8, 0.125f, false, 16};
constexpr GridFormat<3, uint64_t> grid_of_iq2_xxs = {GK_GRID(iq2_xxs), {{8, 25, 43}, {}}, 32, 0, 16, 0.125f, true, 35};
constexpr GridFormat<3, uint64_t> grid_of_iq2_xs = {GK_GRID(iq2_xs), {{8, 25, 43}, {}}, 16, 0, 16, 0.125f, true, 35};
constexpr GridFormat<3, uint64_t> grid_of_iq2_s = {GK_GRID(iq2_s), {{8, 25, 43}, {}}, 16, 0, 16, 0.125f, false, 35};
constexpr GridFormat<8, uint32_t> grid_of_iq3_xxs =
    {GK_GRID(iq3_xxs), {{4, 12, 20, 28, 36, 44, 52, 62}, {}}, 32, 0, 16, 0.25f, true, 24};
constexpr GridFormat<8, uint32_t> grid_of_iq3_s =
    {GK_GRID(iq3_s), {{1, 3, 5, 7, 9, 11, 13, 15}, {}}, 32, 0, 16, 1.0f, false, 6};
#undef GK_GRID

/// A step and four times seven signs.
GK_INL uint32_t step_and_signs(uint8_t step, const uint8_t* minus) {
    return static_cast<uint32_t>((minus[0] & 127) | (minus[1] & 127) << 7 | (minus[2] & 127) << 14 |
                                 (minus[3] & 127) << 21) |
           static_cast<uint32_t>(step) << 28;
}
GK_INL void pack_steps(const uint8_t* step, size_t n, uint8_t* sc) {
    for (size_t i = 0; i < n; i += 2) sc[i / 2] = static_cast<uint8_t>(step[i] | step[i + 1] << 4);
}
GK_INL uint32_t high(uint16_t row)                 { return static_cast<uint32_t>(row >> 8); }

template <> struct Encoder<block_iq1_s> {
    static void encode(const float* x, const float* weight, block_iq1_s& out) {
        const GridBlock b = encode_grid(grid_of_iq1_s, x, weight);
        store_half(out.d, b.d);
        for (size_t r = 0; r < 32; r++) out.qs[r] = static_cast<uint8_t>(b.row[r]);
        for (size_t g = 0; g < 8; g++) {
            const uint16_t* const r = b.row + 4 * g;
            store_half(out.qh + 2 * g,
                       static_cast<uint16_t>(high(r[0]) | high(r[1]) << 3 | high(r[2]) << 6 | high(r[3]) << 9 |
                                             uint32_t{b.step[g]} << 12 | uint32_t{b.down[4 * g]} << 15));
        }
    }
};
template <> struct Encoder<block_iq1_m> {
    static void encode(const float* x, const float* weight, block_iq1_m& out) {
        const GridBlock b = encode_grid(grid_of_iq1_m, x, weight);
        for (size_t r = 0; r < 32; r++) out.qs[r] = static_cast<uint8_t>(b.row[r]);
        for (size_t r = 0; r < 32; r += 2)
            out.qh[r / 2] = static_cast<uint8_t>(high(b.row[r]) | uint32_t{b.down[r]} << 3 | high(b.row[r + 1]) << 4 |
                                                 uint32_t{b.down[r + 1]} << 7);
        for (size_t n = 0; n < 4; n++) {
            const uint8_t* const s = b.step + 4 * n;
            store_half(out.sc + 2 * n,
                       static_cast<uint16_t>(s[0] | s[1] << 3 | s[2] << 6 | s[3] << 9 | (b.d >> 4 * n & 15) << 12));
        }
    }
};
template <> struct Encoder<block_iq2_xxs> {
    static void encode(const float* x, const float* weight, block_iq2_xxs& out) {
        const GridBlock b = encode_grid(grid_of_iq2_xxs, x, weight);
        store_half(out.d, b.d);
        for (size_t g = 0; g < 8; g++) {
            for (size_t t = 0; t < 4; t++) out.qs[8 * g + t] = static_cast<uint8_t>(b.row[4 * g + t]);
            const uint32_t word = step_and_signs(b.step[g], b.minus + 4 * g);
            memcpy(out.qs + 8 * g + 4, &word, 4);
        }
    }
};
template <> struct Encoder<block_iq2_xs> {
    static void encode(const float* x, const float* weight, block_iq2_xs& out) {
        const GridBlock b = encode_grid(grid_of_iq2_xs, x, weight);
        store_half(out.d, b.d);
        for (size_t r = 0; r < 32; r++)
            store_half(out.qs + 2 * r, static_cast<uint16_t>(b.row[r] | (b.minus[r] & 127) << 9));
        pack_steps(b.step, 16, out.sc);
    }
};
template <> struct Encoder<block_iq2_s> {
    static void encode(const float* x, const float* weight, block_iq2_s& out) {
        const GridBlock b = encode_grid(grid_of_iq2_s, x, weight);
        store_half(out.d, b.d);
        for (size_t r = 0; r < 32; r++) { out.qs[r] = static_cast<uint8_t>(b.row[r]); out.signs[r] = b.minus[r]; }
        for (size_t i = 0; i < 8; i++) {
            const uint16_t* const r = b.row + 4 * i;
            out.qh[i] = static_cast<uint8_t>(high(r[0]) | high(r[1]) << 2 | high(r[2]) << 4 | high(r[3]) << 6);
        }
        pack_steps(b.step, 16, out.sc);
    }
};
template <> struct Encoder<block_iq3_xxs> {
    static void encode(const float* x, const float* weight, block_iq3_xxs& out) {
        const GridBlock b = encode_grid(grid_of_iq3_xxs, x, weight);
        store_half(out.d, b.d);
        for (size_t r = 0; r < 64; r++) out.qs[r] = static_cast<uint8_t>(b.row[r]);
        for (size_t g = 0; g < 8; g++) {
            const uint32_t word = step_and_signs(b.step[g], b.minus + 4 * g);
            memcpy(out.ss + 4 * g, &word, 4);
        }
    }
};
template <> struct Encoder<block_iq3_s> {
    static void encode(const float* x, const float* weight, block_iq3_s& out) {
        const GridBlock b = encode_grid(grid_of_iq3_s, x, weight);
        store_half(out.d, b.d);
        memset(out.qh, 0, sizeof out.qh);
        for (size_t r = 0; r < 64; r++) {
            out.qs[r] = static_cast<uint8_t>(b.row[r]);
            out.qh[r / 8] = static_cast<uint8_t>(out.qh[r / 8] | high(b.row[r]) << r % 8);
        }
        for (size_t g = 0; g < 32; g++) out.signs[g] = b.minus[g];
        pack_steps(b.step, 8, out.sc);
    }
};

// ---- levels: IQ4 --------------------------------------------------------------

/// The code next to t is at 2 t + 512; all boundaries are multiples of a half.
struct NearestLevel {
    uint8_t code[1024];
    constexpr NearestLevel() : code() {
        for (int i = 0, q = 0; i < 1024; i++) {
            while (q < 15 && i - 512 >= iq4_levels[q] + iq4_levels[q + 1]) q++;
            code[i] = static_cast<uint8_t>(q);
        }
    }
};
constexpr NearestLevel nearest_level;

/// The code for each of 32, with the scale whose inverse it is.
GK_INL void level_codes(const float* x, float inverse, uint8_t* q) {
    int32_t at[32];
    for (size_t i = 0; i < 32; i++) {
        float t = x[i] * (2 * inverse) + 512;
        t = t > 0 ? t : 0;
        t = t < 1023 ? t : 1023;
        at[i] = static_cast<int32_t>(t);
    }
    for (size_t i = 0; i < 32; i++) q[i] = nearest_level.code[at[i]];
}
struct LevelSums { float error, xq, qq; };         // of w (x - d q)^2, w x q, w q^2
static LevelSums level_sums(const float* x, const float* w, float d) {
    uint8_t code[32];
    level_codes(x, d != 0 ? 1 / d : 0, code);
    Eight error = eight(0.0f), xq = error, qq = error;
    for (size_t g = 0; g < 32; g += 8) {
        float level[8];
        for (size_t i = 0; i < 8; i++) level[i] = static_cast<float>(iq4_levels[code[g + i]]);
        const Eight q = eight(level), one = eight(x + g), weight = eight(w + g), e = one - eight(d) * q;
        const Eight wq = weight * q;
        error = error + weight * e * e;
        xq = xq + wq * one;
        qq = qq + wq * q;
    }
    return {total(error), total(xq), total(qq)};
}
/// The scale of least error for 32 weights, of both signs.
static float fit_levels(const float* x, const float* w, float* stiff) {
    const float top = magnitude(top_of(extremes(x, 32)));
    float best = 0, d = 0;
    const auto gains = [&](float scale) {
        const LevelSums s = level_sums(x, w, scale);
        if (!(s.xq * s.xq > best * s.qq)) return false;
        best   = s.xq * s.xq / s.qq;
        d      = s.xq / s.qq;
        *stiff = s.qq;
        return true;
    };
    *stiff = 0;
    if (!(top > NEGLIGIBLE)) return 0;
    float scale = top / 66;
    for (int i = 0; i < 12; i++, scale *= 0.94f) {
        gains(scale);
        gains(-scale);
    }
    for (int i = 0; i < 3 && d != 0; i++) if (!gains(d)) break;
    return d;
}
GK_INL void pack_nibbles(const uint8_t* q, uint8_t* qs) {
    for (size_t i = 0; i < 16; i++) qs[i] = static_cast<uint8_t>(q[i] | q[i + 16] << 4);
}

template <> struct Encoder<block_iq4_nl> {
    static void encode(const float* x, const float* weight, block_iq4_nl& out) {
        const Values v(x, weight, 32);
        float w[32], stiff;
        weights_of(v, w);
        uint16_t h = v.half(fit_levels(v.x, w, &stiff));
        const LevelSums s = level_sums(v.x, w, v.value(h));
        if (s.qq > 0) {
            const uint16_t again = v.half(s.xq / s.qq);
            if (level_sums(v.x, w, v.value(again)).error < s.error) h = again;
        }
        const float d = v.value(h);
        uint8_t q[32];
        level_codes(v.x, d != 0 ? 1 / d : 0, q);
        store_half(out.d, h);
        pack_nibbles(q, out.qs);
    }
};
template <> struct Encoder<block_iq4_xs> {
    static void encode(const float* x, const float* weight, block_iq4_xs& out) {
        const Values v(x, weight, 256);
        float w[256], like[8], stiff[8], most = 0;
        weights_of(v, w);
        for (size_t p = 0; p < 8; p++) {
            like[p] = fit_levels(v.x + 32 * p, w + 32 * p, stiff + p);
            most = magnitude(like[p]) > magnitude(most) ? like[p] : most;
        }
        // d: of many, the two whose multiples come nearest to these scales; then the steps that are best for the codes.
        float two[2] = {0, 0}, off[2] = {3e38f, 3e38f};
        for (int i = 0; i < 40 && most != 0; i++) {
            const float d = v.value(v.half(most / (-33 + 0.5f * static_cast<float>(i)))), inverse = 1 / d;
            if (d == 0 || d == two[0] || d == two[1]) continue;
            float sum = 0;
            for (size_t p = 0; p < 8; p++) {
                const float e = like[p] - d * nearest_in(like[p] * inverse, -32, 31);
                sum += stiff[p] * e * e;
            }
            if (sum < off[0])      { two[1] = two[0]; off[1] = off[0]; two[0] = d; off[0] = sum; }
            else if (sum < off[1]) { two[1] = d; off[1] = sum; }
        }
        float best = 3e38f, better = 0;
        float step[8] = {}, kept[8] = {}, d = 0;
        const auto improves = [&](float trial, bool search) {
            float error = 0, xq = 0, qq = 0;
            for (size_t p = 0; p < 8; p++) {
                const float at = search ? nearest_in(like[p] / trial, -32, 31) : kept[p];
                LevelSums least = {3e38f, 0, 0};
                for (float s = at - (search ? 1 : 0); s <= at + (search ? 1 : 0); s++) {
                    if (!(s >= -32 && s <= 31)) continue;
                    const LevelSums sums = level_sums(v.x + 32 * p, w + 32 * p, trial * s);
                    if (sums.error < least.error) { least = sums; step[p] = s; }
                }
                error += least.error;
                xq += step[p] * least.xq;
                qq += step[p] * step[p] * least.qq;
            }
            if (!(error < best)) return;
            best = error;
            d = trial;
            better = qq > 0 ? xq / qq : 0;
            for (size_t p = 0; p < 8; p++) kept[p] = step[p];
        };
        for (float trial : two) if (trial != 0) improves(trial, true);
        for (int i = 0; i < 2; i++) {
            const float trial = v.value(v.half(better));
            if (trial != 0 && trial != d) improves(trial, false);
        }
        uint32_t sh = 0;
        for (size_t p = 0; p < 8; p++) {
            const float scale = d * kept[p];
            const uint32_t s = static_cast<uint32_t>(static_cast<int>(kept[p]) + 32);
            uint8_t q[32];
            level_codes(v.x + 32 * p, scale != 0 ? 1 / scale : 0, q);
            pack_nibbles(q, out.qs + 16 * p);
            sh |= s >> 4 << 2 * p;
            out.sl[p / 2] = static_cast<uint8_t>((p % 2 ? out.sl[p / 2] : 0) | (s & 15) << 4 * (p % 2));
        }
        store_half(out.sh, static_cast<uint16_t>(sh));
        store_half(out.d, v.half(d));
    }
};
#endif

// ---- rows of blocks -----------------------------------------------------------

/// count blocks, from block `first` of rows of `row` blocks on.
struct EncodeJob {
    const float *x, *importance;
    size_t first, count, row;
    void*  blocks;
};
using EncodeBlocks = void (const EncodeJob&);
template <class Block> static void encode_blocks(const EncodeJob& job) {
    constexpr size_t n = Block::weights;
    Block* const out = static_cast<Block*>(job.blocks);
    for (size_t i = job.first; i < job.first + job.count; i++)
        Encoder<Block>::encode(job.x + i * n, job.importance ? job.importance + i % job.row * n : nullptr, out[i]);
}
template <class Block>
constexpr auto encoder_of(int) -> decltype(&Encoder<Block>::encode, static_cast<EncodeBlocks*>(nullptr)) {
    return &encode_blocks<Block>;
}
template <class Block> constexpr EncodeBlocks* encoder_of(long) { return nullptr; }

#define GK_ENCODER(NAME, name, bits, family) encoder_of<block_##name>(0),
static constexpr EncodeBlocks* encoders[] = {GK_FORMATS(GK_ENCODER)};
#undef GK_ENCODER

static bool all_finite(const float* x, size_t n) {
    Four sum = {};                                 // of zeros, NaN where x is no number
    const size_t whole = n - n % 4;
    for (size_t g = 0; g < whole; g += 4)
        for (size_t l = 0; l < 4; l++) sum.lane[l] += x[g + l] * 0.0f;
    for (size_t i = whole; i < n; i++) sum.lane[0] += x[i] * 0.0f;
    return (sum.lane[0] + sum.lane[1]) + (sum.lane[2] + sum.lane[3]) == 0;
}
static float lowest(const float* x, size_t n) {
    float v = x[0];
    for (size_t i = 1; i < n; i++) v = x[i] < v ? x[i] : v;
    return v;
}

} // namespace impl
#endif // GLLM_KERNELS_NO_QUANTIZE

// ============================================================================
// [20] PUBLIC ENTRY POINTS
// ============================================================================

// ---- arguments --------------------------------------------------------------

namespace impl {

constexpr Status success = {Code::ok, "ok"};
static inline Status invalid(const char* what) { return {Code::invalid_argument, what}; }
static inline Status no_memory() {
    return {Code::out_of_memory,
            "no memory for scratch; give a larger workspace (see *_workspace_bytes) or a working GLLM_KERNELS_MALLOC"};
}

/// a * b, or false on overflow.
static inline bool times(size_t a, size_t b, size_t* product) {
    *product = a * b;
    return (a | b) >> (sizeof(size_t) * 4) == 0 ||          // no division where both are small
            a == 0 || *product / a == b;
}
/// A buffer of an operation: `count` parts of `size` bytes.
struct Span {
    const void* data;
    size_t      bytes;
    bool        ok;                    // the size did not overflow
    Span(const void* p, size_t rows, size_t cols, size_t size) : data(p), bytes(0), ok(false) {
        size_t count = 0;
        ok = times(rows, cols, &count) && times(count, size, &bytes);
    }
};
static inline bool overlap(const Span& a, const Span& b) {
    const uintptr_t p = reinterpret_cast<uintptr_t>(a.data), q = reinterpret_cast<uintptr_t>(b.data);
    return a.bytes && b.bytes && p < q + b.bytes && q < p + a.bytes;
}
/// Sizes that multiply, no null where there is something to read, an output apart from every input.
template <size_t N> static Status check_buffers(const Span& out, const Span (&in)[N]) {
    if (!out.ok) return invalid("the product of these sizes overflows size_t");
    if (out.bytes && !out.data) return invalid("null pointer for a non-empty output");
    for (const Span& s : in) {
        if (!s.ok) return invalid("the product of these sizes overflows size_t");
        if (out.bytes && s.bytes && !s.data) return invalid("null pointer for a non-empty input");
        if (overlap(out, s)) return invalid("the output overlaps an input");
    }
    return success;
}

/// Scratch for one call: the caller's workspace, or allocated. Aligned to 64 bytes. None at all is always there.
class Scratch {
public:
    /// What so many floats take at any alignment; 0 if that overflows.
    static size_t bytes(size_t floats) {
        return floats > (SIZE_MAX - 64) / sizeof(float) ? 0 : floats * sizeof(float) + 63;
    }

    Scratch(const Workspace& w, size_t floats) : owned_(nullptr), data_(nullptr), ok_(floats == 0) {
        const size_t needed = bytes(floats);
        if (floats == 0 || needed == 0) return;
        void* p = w.data;
        if (p) { if (w.bytes < needed) return; }
        else   { p = owned_ = GLLM_KERNELS_MALLOC(needed); if (!p) return; }
        data_ = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(p) + 63) & ~static_cast<uintptr_t>(63));
        ok_   = true;
    }
    ~Scratch() { if (owned_) GLLM_KERNELS_FREE(owned_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    float* data() const { return data_; }
    explicit operator bool() const { return ok_; }

private:
    void*  owned_;
    float* data_;
    bool   ok_;
};

// ---- splitting --------------------------------------------------------------

static inline size_t width_of(const Parallel& p) { return p.run && p.width > 1 ? p.width : 1; }

/// body(begin, end, task) over parts of [0, count), each a multiple of `step` but the last; at most one a thread.
template <class Body> struct Split {
    const Body* body;
    size_t      count, part;
    static void task(void* arg, unsigned i) {
        const Split& s = *static_cast<const Split*>(arg);
        const size_t begin = i * s.part, end = s.count - begin < s.part ? s.count : begin + s.part;
        (*s.body)(begin, end, static_cast<size_t>(i));
    }
};
static inline size_t part_size(size_t count, size_t step, size_t width) {
    const size_t steps = (count + step - 1) / step, each = (steps + width - 1) / width;
    return each * step;
}
/// How `count` things are shared by threads, and the scratch of each: a multiple of 64 bytes.
struct Share {
    size_t part, tasks, each;
    Share(const Parallel& p, size_t count, size_t step)
        : part(part_size(count, step, width_of(p))), tasks(part ? (count + part - 1) / part : 0), each(0) {}
    /// Floats for all tasks; SIZE_MAX if that overflows.
    size_t floats(size_t needed) {
        size_t all = 0;
        each = aligned(needed);
        return times(each, tasks, &all) ? all : SIZE_MAX;
    }
    static size_t aligned(size_t floats) { return (floats + 15) / 16 * 16; }
};
template <class Body> void split(const Parallel& p, const Share& share, size_t count, const Body& body) {
    Split<Body> s = {&body, count, share.part};
    if (share.tasks == 1)    body(size_t(0), count, size_t(0));
    else if (share.tasks) p.run(p.pool, static_cast<unsigned>(share.tasks), &Split<Body>::task, &s);
}
template <class Body> void split(const Parallel& p, size_t count, size_t step, const Body& body) {
    split(p, Share(p, count, step), count, body);
}
/// Can m rows of n floats, padded to tiles, lie in memory? What is computed from sizes that can does not overflow.
static inline bool addressable(size_t m, size_t n) {
    return (static_cast<double>(m) + 64) * (static_cast<double>(n) + 64) * sizeof(float)
            < static_cast<double>(SIZE_MAX) / 2;
}
static inline bool addressable(size_t m, size_t n, size_t k) {
    return addressable(m, n) && addressable(m, k) && addressable(n, k);
}

} // namespace impl
GK_NAMESPACE_END

// ---- formats and checkpoints: facts, validation, repacking --------------------

GK_NAMESPACE_BEGIN
namespace impl {

struct FormatInfo {
    const char* name;
    size_t      weights, bytes;
    int         bits;
    bool      (*sane)(const void* blocks, size_t n);
    const char* ragged_k;                          // what to say of a k, of a number of bytes, of a block
    const char* ragged_bytes;
    const char* insane;
};

template <class Block> static bool all_sane(const void* blocks, size_t n) {
    const Block* b = static_cast<const Block*>(blocks);
    for (size_t i = 0; i < n; i++) if (!sane(b[i])) return false;
    return true;
}

#define GK_RAGGED(n, name) "k must be a multiple of " #n " for " #name
#define GK_INFO(name, suffix, bits, family) \
    {#name, block_##suffix::weights, sizeof(block_##suffix), bits, all_sane<block_##suffix>, \
     block_##suffix::weights == 256 ? GK_RAGGED(256, name) : block_##suffix::weights == 128 ? GK_RAGGED(128, name) : \
     block_##suffix::weights == 64 ? GK_RAGGED(64, name) : GK_RAGGED(32, name), \
     "bytes must be a whole number of " #name " blocks: see block_bytes", \
     "a scale or a weight of a " #name " block is NaN or infinite"},
static constexpr FormatInfo format_infos[] = {GK_FORMATS(GK_INFO)};
#undef GK_INFO
#undef GK_RAGGED

GK_INL const FormatInfo& format(QuantType type)    { return format_infos[static_cast<size_t>(type)]; }

GK_INL void     store16(uint8_t* p, uint16_t x)    { memcpy(p, &x, 2); }
GK_INL uint32_t word_at(const void* words, size_t i)  { return load32(static_cast<const uint8_t*>(words) + 4 * i); }

/// Groups counted in one sweep over g_idx, so that no memory is needed for the counts.
constexpr size_t group_tile = 512;

/// Does each of the groups own exactly `group` of the k inputs?
static inline bool even_groups(const int32_t* g_idx, size_t k, size_t group) {
    for (size_t first = 0; first < k / group; first += group_tile) {
        size_t members[group_tile] = {};
        const size_t tile = k / group - first < group_tile ? k / group - first : group_tile;
        for (size_t i = 0; i < k; i++) {
            const size_t g = static_cast<size_t>(g_idx[i]) - first;
            if (g < tile) members[g]++;
        }
        for (size_t g = 0; g < tile; g++) if (members[g] != group) return false;
    }
    return true;
}

/// perm: the inputs sorted by group, in their own order within one.
static inline void sort_by_group(const int32_t* g_idx, size_t k, size_t group, int32_t* perm) {
    for (size_t first = 0; first < k / group; first += group_tile) {
        size_t next[group_tile];
        for (size_t g = 0; g < group_tile; g++) next[g] = (first + g) * group;
        for (size_t i = 0; i < k; i++) {
            const size_t g = static_cast<size_t>(g_idx[i]) - first;
            if (g < group_tile) perm[next[g]++] = static_cast<int32_t>(i);
        }
    }
}

} // namespace impl

// ---- facts ------------------------------------------------------------------

const char* quant_name (QuantType type)            { return impl::is_format(type) ? impl::format(type).name : nullptr; }
size_t      block_size (QuantType type)            { return impl::is_format(type) ? impl::format(type).weights : 0; }
size_t      block_bytes(QuantType type)            { return impl::is_format(type) ? impl::format(type).bytes : 0; }
int         bits       (QuantType type)            { return impl::is_format(type) ? impl::format(type).bits : 0; }
size_t      row_bytes  (QuantType type, size_t k) {
    if (!impl::is_format(type) || k % block_size(type)) return 0;
    const impl::Span row(nullptr, k / block_size(type), block_bytes(type), 1);
    return row.ok ? row.bytes : 0;
}

size_t first_not_finite(const float* x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!impl::finite(x[i])) return i;
    return n;
}

Status validate_blocks(QuantType type, const void* blocks, size_t bytes) {
    using namespace impl;
    if (!is_format(type))                        return invalid("type must be a QuantType");
    const FormatInfo& f = format(type);
    if (bytes % f.bytes)                         return invalid(f.ragged_bytes);
    if (bytes && !blocks)                        return invalid("blocks is null");
    if (!f.sane(blocks, bytes / f.bytes))        return invalid(f.insane);
    return success;
}

// ---- checkpoints ------------------------------------------------------------

Status pack_awq4(const void* qweight, const void* qzeros, const void* scales, size_t n, size_t k, size_t group,
        void* blocks) {
    using namespace impl;
    if (k % 128)                                 return invalid("k must be a multiple of 128 for AWQ4");
    if (n % 8)                                   return invalid("n must be a multiple of 8 for AWQ4");
    if (!group || group % 128 || k % group)
        return invalid("group must be a multiple of 128 and a divisor of k for AWQ4");
    if (!n || !k)                                return success;
    const Span in[] = {{qweight, k, n / 8, 4}, {qzeros, k / group, n / 8, 4}, {scales, k / group, n, 2}};
    if (Status st = check_buffers(Span(blocks, n, k / 128, sizeof(block_awq4)), in); !st) return st;

    const uint8_t* const scale = static_cast<const uint8_t*>(scales);
    block_awq4* const out = static_cast<block_awq4*>(blocks);
    const size_t row = k / 128;
    for (size_t c = 0; c < row; c++)
        for (size_t o = 0; o < n; o++) {
            const size_t g = c * 128 / group, column = o / 8;
            const size_t shift = (o / 2 % 4 + o % 2 * 4) * 4;   // a word holds columns 0 2 4 6 1 3 5 7, low first
            block_awq4& b = out[o * row + c];
            memset(b.zero, 0, sizeof b.zero);
            memcpy(b.s, scale + 2 * (g * n + o), 2);
            store16(b.z, f32_to_f16(static_cast<float>(word_at(qzeros, g * (n / 8) + column) >> shift & 15)));
            for (size_t i = 0; i < 64; i++) {
                const uint32_t lo = word_at(qweight, (c * 128 + i) * (n / 8) + column) >> shift & 15;
                const uint32_t hi = word_at(qweight, (c * 128 + i + 64) * (n / 8) + column) >> shift & 15;
                b.qs[i] = static_cast<uint8_t>(lo | hi << 4);
            }
        }
    return success;
}

Status pack_gptq4(const void* qweight, const void* qzeros, const void* scales, const int32_t* g_idx,
                  size_t n, size_t k, size_t group, GptqZeros zeros, void* blocks, int32_t* perm) {
    using namespace impl;
    if (k % 128)                                 return invalid("k must be a multiple of 128 for GPTQ4");
    if (n % 8)                                   return invalid("n must be a multiple of 8 for GPTQ4");
    if (!group || group % 128 || k % group)
        return invalid("group must be a multiple of 128 and a divisor of k for GPTQ4");
    if (zeros != GptqZeros::v1 && zeros != GptqZeros::v2 && zeros != GptqZeros::symmetric)
        return invalid("zeros must be v1, v2 or symmetric; detect_gptq_zeros tells v1 from v2");
    if (!n || !k)                                return success;
    const bool stored = zeros != GptqZeros::symmetric;
    if (k > INT32_MAX)                           return invalid("k must fit in int32_t for GPTQ4");
    if (g_idx && !perm)                          return invalid("perm may be null only if g_idx is");
    const Span out_blocks(blocks, n, k / 128, sizeof(block_gptq4)), out_perm(perm, perm ? k : 0, 1, sizeof *perm);
    const Span in[] = {{qweight, k / 8, n, 4}, {qzeros, stored ? k / group : 0, n / 8, 4}, {scales, k / group, n, 2},
                       {g_idx, g_idx ? k : 0, 1, 4}};
    if (Status st = check_buffers(out_blocks, in); !st) return st;
    if (Status st = check_buffers(out_perm, in); !st) return st;
    if (overlap(out_blocks, out_perm))           return invalid("blocks and perm overlap");
    if (g_idx) {
        for (size_t i = 0; i < k; i++)
            if (g_idx[i] < 0 || static_cast<size_t>(g_idx[i]) >= k / group)
                return invalid("g_idx must be in 0 .. k / group - 1");
        if (!even_groups(g_idx, k, group))
            return invalid("g_idx must give each group exactly `group` inputs for GPTQ4");
        sort_by_group(g_idx, k, group, perm);
    } else if (perm) {
        for (size_t i = 0; i < k; i++) perm[i] = static_cast<int32_t>(i);
    }

    const uint8_t* const scale = static_cast<const uint8_t*>(scales);
    block_gptq4* const out = static_cast<block_gptq4*>(blocks);
    const size_t row = k / 128;
    for (size_t c = 0; c < row; c++)
        for (size_t o = 0; o < n; o++) {
            const size_t g = c * 128 / group;
            uint32_t z = 8;
            if (stored) z = (word_at(qzeros, g * (n / 8) + o / 8) >> (o % 8 * 4) & 15) + (zeros == GptqZeros::v1);
            block_gptq4& b = out[o * row + c];
            memset(b.zero, 0, sizeof b.zero);
            memcpy(b.s, scale + 2 * (g * n + o), 2);
            store16(b.z, f32_to_f16(static_cast<float>(z)));
            for (size_t i = 0; i < 64; i++) {
                uint32_t q[2];
                for (size_t h = 0; h < 2; h++) {
                    const size_t at = c * 128 + h * 64 + i, from = perm ? static_cast<size_t>(perm[at]) : at;
                    q[h] = word_at(qweight, from / 8 * n + o) >> (from % 8 * 4) & 15;
                }
                b.qs[i] = static_cast<uint8_t>(q[0] | q[1] << 4);
            }
        }
    return success;
}

Status pack_squeeze(const void* qweight, const float* lookup_table, size_t n, size_t k, void* blocks) {
    using namespace impl;
    if (k % 256)                                 return invalid("k must be a multiple of 256 for SQUEEZE");
    if (!n || !k)                                return success;
    const Span in[] = {{qweight, k / 32 * 3, n, 4}, {lookup_table, n, 8, sizeof(float)}};
    if (Status st = check_buffers(Span(blocks, n, k / 256, sizeof(block_squeeze)), in); !st) return st;

    block_squeeze* const out = static_cast<block_squeeze*>(blocks);
    const size_t row = k / 256;
    for (size_t c = 0; c < row; c++)               // the words of a column, in order, are the code stream of its blocks
        for (size_t o = 0; o < n; o++) {
            block_squeeze& b = out[o * row + c];
            store16(b.d, 0x3c00);
            memcpy(b.levels, lookup_table + 8 * o, sizeof b.levels);
            for (size_t w = 0; w < 24; w++) {
                const uint32_t x = word_at(qweight, (c * 24 + w) * n + o);
                memcpy(b.qs + 4 * w, &x, 4);
            }
        }
    return success;
}

GptqZeros detect_gptq_zeros(const void* qzeros, size_t words) {
    size_t sevens = 0, eights = 0;
    for (size_t i = 0; qzeros && i < words; i++)
        for (uint32_t x = impl::word_at(qzeros, i), p = 0; p < 8; p++, x >>= 4) {
            sevens += (x & 15) == 7;
            eights += (x & 15) == 8;
        }
    return sevens > 4 * words ? GptqZeros::v1 : eights > 4 * words ? GptqZeros::v2 : GptqZeros::unknown;
}

GK_NAMESPACE_END

GK_NAMESPACE_BEGIN
namespace impl {

// ---- dense products ---------------------------------------------------------

/// The header of a buffer of pack_b, or of prepare: precision and route are of this one. The panels lie at the next
/// multiple of 64 bytes, and at the same offset in a copy of the buffer.
struct PackedHeader {
    char     magic[8];
    uint8_t  isa, element, offset, precision, route, reserved[3];
    uint64_t rows, k, bytes;                                    // of the panels: n, or m of an input
};
constexpr char   packed_magic[8]     = {'g', 'k', 'p', 'a', 'c', 'k', '0', '2'};
constexpr char   prepared_magic[8]   = {'g', 'k', 'p', 'r', 'e', 'p', '0', '1'};
constexpr size_t packed_header_bytes = 64 + 64;                 // header, and room to align the panels
static inline size_t aligned_offset(const void* packed) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(packed);
    return ((begin + sizeof(PackedHeader) + 63) & ~static_cast<uintptr_t>(63)) - begin;
}

template <class E> struct Dense {
    const CpuKernels<E>& kernels;
    Form                 form;
    int                  weights = Element<E>::ELEM_ID;         // the type of B; its own where that is not transposed

    RunPart* run_of(DensePath path) const {
        const GemmKernels& g = *kernels.table().gemm;
        switch (path) {
            case DensePath::in_caches: return g.run_small;
            case DensePath::skinny:    return g.run_skinny;
            case DensePath::dots:      return g.by[weights].run_dots;
            case DensePath::panels:    return g.run_panels;
            case DensePath::nest:      break;
        }
        return g.by[weights].run;
    }
    /// How threads share a product, and the scratch that it takes: columns when there are more of them, else rows, in
    /// whole tiles.
    struct Plan {
        Parallel parallel;
        bool     columns;
        Share    share;
        size_t   part_m, part_n, floats;
        Plan(const Parallel& p, const GemmKernels& g, size_t m, size_t n, size_t k, bool in_place)
            : parallel(worth(p, work(m, n, k))), columns(n >= m),
              share(parallel, columns ? n : m, columns ? g.nr : g.mr),
              part_m(columns ? m : share.part), part_n(columns ? share.part : n),
              floats(in_place ? 0 : share.floats(g.scratch_floats(part_m, part_n, k))) {}
    };

    /// C[m][n] = act(A B + bias).
    struct Product {
        const E*    a;
        const void* b;
        E*          c;
        size_t      m, n, k;
        const E*    bias = nullptr;
        bool        has_bias = false;
        Activation  act = Activation::none;
        size_t      all_m = 0;                                  // rows of the product that this is a part of; 0: m
    };
    Status check_product(const Product& p) const {
        if (static_cast<uint8_t>(p.act) > static_cast<uint8_t>(Activation::tanh))
            return invalid("act is not one of the values of Activation");
        if (p.m == 0 || p.n == 0) return success;
        const bool in_rows = form != Form::packed;
        const size_t size = weights == 0 ? sizeof(float) : 2;
        const Span spans[] = {{p.a, p.m, p.k, sizeof(E)}, {in_rows ? p.b : nullptr, in_rows ? p.n : 0, p.k, size},
                              {p.bias, p.has_bias ? p.n : 0, 1, sizeof(E)}};
        if (Status s = check_buffers(Span(p.c, p.m, p.n, sizeof(E)), spans); !s) return s;
        return in_rows ? success : check_packed(p.b, p.n, p.k, p.c, p.m);
    }
    Status run(const Product& p) const {
        if (Status s = check_product(p); !s || p.m == 0 || p.n == 0) return s;
        return run_checked(p);
    }
    Status run_checked(const Product& p) const {
        const GemmKernels& g = *kernels.table().gemm;
        GemmJob job = {};
        job.a = p.a;  job.lda = p.k;  job.c = p.c;  job.ldc = p.n;
        job.bias = p.bias;  job.act = p.act;
        job.m = p.m;  job.n = job.all_n = p.n;  job.k = p.k;
        job.all_m = p.all_m ? p.all_m : p.m;
        job.b.data = p.b;
        job.b.ld   = form == Form::rows ? p.n : p.k;
        job.b.panel = form == Form::rows ? g.panel(BForm::rows) : g.by[weights].panel;
        if (form == Form::packed) g.take_packed(job.b, panels_of(p.b), p.n, p.k);
        const DensePath path = dense_path(form, g, job.all_m, p.n, p.k);
        if (path == DensePath::nest && !addressable(p.m, p.n, p.k)) return no_memory();
        const Plan plan(kernels.parallel, g, p.m, p.n, p.k, path != DensePath::nest);
        const Scratch memory(kernels.workspace, plan.floats);
        if (!memory) return no_memory();
        job.part_m  = plan.part_m;
        job.part_n  = plan.part_n;
        job.scratch = memory.data();
        if (plan.share.tasks == 1) run_of(path)(job);
        else                       run_split(plan, job, run_of(path));
        return success;
    }
    static void run_split(const Plan& plan, const GemmJob& job, RunPart* run_part) {
        split(plan.parallel, plan.share, plan.columns ? job.n : job.m, [&](size_t begin, size_t end, size_t task) {
            GemmJob part = job;
            part.scratch = job.scratch + task * plan.share.each;
            if (plan.columns) {
                part.n      = end - begin;
                part.column = begin;
                part.c      = static_cast<E*>(job.c) + begin;
                if (job.bias) part.bias = static_cast<const E*>(job.bias) + begin;
            } else {
                part.m = end - begin;
                part.a = static_cast<const E*>(job.a) + begin * job.lda;
                part.c = static_cast<E*>(job.c) + begin * job.ldc;
            }
            run_part(part);
        });
    }

    static const char* panels_of(const void* packed) {
        PackedHeader h;
        memcpy(&h, packed, sizeof h);
        return static_cast<const char*>(packed) + h.offset;
    }
    Status check_packed(const void* packed, size_t n, size_t k, const E* c, size_t m) const {
        if (!packed) return invalid("null pointer for the packed matrix");
        PackedHeader h;
        memcpy(&h, packed, sizeof h);
        if (memcmp(h.magic, packed_magic, sizeof packed_magic) != 0
            || h.offset < sizeof h || h.offset >= packed_header_bytes)
            return invalid("this buffer was not made by pack_b or pack_b_transposed");
        if (h.isa != static_cast<uint8_t>(kernels.isa()))
            return invalid("this matrix was packed for another instruction set; pack it again after select()");
        if (h.element != static_cast<uint8_t>(Element<E>::ELEM_ID))
            return invalid("this matrix was packed for another element type");
        if (h.rows != n || h.k != k) return invalid("this matrix was packed with other n or k");
        if (h.bytes != kernels.table().gemm->packed_bytes(n, k))
            return invalid("this matrix was packed on a CPU with other features; pack it again");
        if (reinterpret_cast<uintptr_t>(panels_of(packed)) % alignof(float))
            return invalid("this packed matrix was copied to an address that differs from its first one modulo 4");
        if (overlap(Span(c, m, n, sizeof(E)), Span(packed, kernels.packed_b_bytes(n, k), 1, 1)))
            return invalid("the output overlaps an input");
        return success;
    }

    Status pack(const E* b, size_t n, size_t k, void* packed) const {
        const size_t bytes = kernels.packed_b_bytes(n, k);
        if (bytes == 0) return invalid("the product of these sizes overflows size_t");
        const Span spans[] = {{b, n, k, sizeof(E)}};
        if (Status s = check_buffers(Span(packed, bytes, 1, 1), spans); !s) return s;
        PackedHeader h = {};
        memcpy(h.magic, packed_magic, sizeof packed_magic);
        h.isa     = static_cast<uint8_t>(kernels.isa());
        h.element = static_cast<uint8_t>(Element<E>::ELEM_ID);
        h.offset  = static_cast<uint8_t>(aligned_offset(packed));
        h.rows  = n;
        h.k     = k;
        h.bytes = kernels.table().gemm->packed_bytes(n, k);
        memcpy(packed, &h, sizeof h);
        const GemmKernels& g = *kernels.table().gemm;
        void* const panels = static_cast<char*>(packed) + h.offset;
        BSource source = {};
        source.data  = b;
        source.ld    = form == Form::rows ? n : k;
        source.panel = form == Form::rows ? g.panel(BForm::rows) : g.by[weights].panel;
        split(worth(kernels.parallel, work(n, k, 1)), n, g.nr, [&](size_t begin, size_t end, size_t) {
            g.pack(source, n, k, begin, end, panels);
        });
        return success;
    }
};

} // namespace impl

template <class E> void CpuKernels<E>::gemv(const E* a, const E* x, E* y, size_t m, size_t n) const {
    impl::split(impl::worth(parallel, impl::work(m, n, 1)), m, 4, [&](size_t begin, size_t end, size_t) {
        table_->gemv(a + begin * n, x, y + begin, end - begin, n);
    });
}
template <class E> void CpuKernels<E>::rms_norm_rows(const E* x, const E* weight, E* out, size_t rows, size_t n,
        float eps) const {
    impl::split(impl::worth(parallel, impl::work(rows, n, 1)), rows, 1, [&](size_t begin, size_t end, size_t) {
        table_->rms_norm(x + begin * n, weight, out + begin * n, end - begin, n, eps);
    });
}
template <class E> void CpuKernels<E>::layer_norm_rows(const E* x, const E* gamma, const E* beta, E* out,
        size_t rows, size_t n, float eps) const {
    impl::split(impl::worth(parallel, impl::work(rows, n, 1)), rows, 1, [&](size_t begin, size_t end, size_t) {
        table_->layer_norm(x + begin * n, gamma, beta, out + begin * n, end - begin, n, eps);
    });
}

template <class E> Status CpuKernels<E>::gemm(const E* a, const E* b, E* c, size_t m, size_t n, size_t k) const {
    return impl::Dense<E>{*this, impl::Form::rows}.run({a, b, c, m, n, k});
}
template <class E> Status CpuKernels<E>::gemm_bias(const E* a, const E* b, const E* bias, E* c, size_t m, size_t n,
        size_t k) const {
    return impl::Dense<E>{*this, impl::Form::rows}.run({a, b, c, m, n, k, bias, true});
}
template <class E> Status CpuKernels<E>::gemm_bias_act(const E* a, const E* b, const E* bias, E* c, size_t m, size_t n,
        size_t k, Activation act) const {
    return impl::Dense<E>{*this, impl::Form::rows}.run({a, b, c, m, n, k, bias, true, act});
}
template <class E> Status CpuKernels<E>::gemm_transposed_b(const E* a, const E* bt, E* c, size_t m, size_t n,
        size_t k) const {
    return gemm_mixed(a, bt, c, m, n, k);
}
template <class E> Status CpuKernels<E>::gemm_mixed(const E* a, const float* bt, E* c, size_t m, size_t n,
        size_t k) const {
    return impl::Dense<E>{*this, impl::Form::transposed, Element<float>::ELEM_ID}.run({a, bt, c, m, n, k});
}
template <class E> Status CpuKernels<E>::gemm_mixed(const E* a, const f16* bt, E* c, size_t m, size_t n,
        size_t k) const {
    return impl::Dense<E>{*this, impl::Form::transposed, Element<f16>::ELEM_ID}.run({a, bt, c, m, n, k});
}
template <class E> Status CpuKernels<E>::gemm_mixed(const E* a, const bf16* bt, E* c, size_t m, size_t n,
        size_t k) const {
    return impl::Dense<E>{*this, impl::Form::transposed, Element<bf16>::ELEM_ID}.run({a, bt, c, m, n, k});
}
template <class E> Status CpuKernels<E>::gemm_prepacked(const E* a, const void* packed, E* c, size_t m, size_t n,
        size_t k) const {
    return impl::Dense<E>{*this, impl::Form::packed}.run({a, packed, c, m, n, k});
}
template <class E> Status CpuKernels<E>::gemm_bias_prepacked(const E* a, const void* packed, const E* bias, E* c,
        size_t m, size_t n, size_t k) const {
    return impl::Dense<E>{*this, impl::Form::packed}.run({a, packed, c, m, n, k, bias, true});
}
template <class E> Status CpuKernels<E>::gemm_bias_act_prepacked(const E* a, const void* packed, const E* bias, E* c,
        size_t m, size_t n, size_t k, Activation act) const {
    return impl::Dense<E>{*this, impl::Form::packed}.run({a, packed, c, m, n, k, bias, true, act});
}
template <class E> Status CpuKernels<E>::pack_b(const E* b, size_t n, size_t k, void* packed) const {
    return impl::Dense<E>{*this, impl::Form::rows}.pack(b, n, k, packed);
}
template <class E> Status CpuKernels<E>::pack_b_transposed(const E* bt, size_t n, size_t k, void* packed) const {
    return impl::Dense<E>{*this, impl::Form::transposed}.pack(bt, n, k, packed);
}
template <class E> size_t CpuKernels<E>::packed_b_bytes(size_t n, size_t k) const {
    if (n > SIZE_MAX - 64 || k > SIZE_MAX - 64) return 0;
    const impl::Span most(nullptr, n + 63, k + 63, sizeof(float));             // more than any form of the panels
    if (!most.ok || most.bytes > SIZE_MAX / 2) return 0;
    return table_->gemm->packed_bytes(n, k) + impl::packed_header_bytes;
}
template <class E> size_t CpuKernels<E>::gemm_workspace_bytes(size_t m, size_t n, size_t k) const {
    if (!impl::addressable(m, n, k)) return 0;
    using Plan = typename impl::Dense<E>::Plan;
    return impl::Scratch::bytes(Plan(parallel, *table_->gemm, m, n, k, false).floats);
}

// ---- attention --------------------------------------------------------------

namespace impl {

template <class E> struct Attention {
    const CpuKernels<E>& k;

    struct Plan {
        bool     few;
        Parallel parallel;
        size_t   pieces, panels, units, tasks;                  // units: of all heads of keys
        size_t   inputs, parts, each, floats;                   // in floats; SIZE_MAX where they overflow
    };
    /// Plain arrays take more than pages.
    Plan plan(const KvView& kv, size_t m, size_t heads, size_t pieces) const {
        const AttentionKernels& a = *k.table().attention;
        const size_t d = kv.head_dim, rows = m * (heads / kv.kv_heads), width = width_of(k.parallel);
        Plan p = {};
        p.few      = rows < a.columns / 2 || m < 4;
        p.parallel = worth(k.parallel, work(m, heads, kv.length) * static_cast<double>(d));
        if (p.few) {
            p.pieces = pieces;
            p.units  = kv.kv_heads * pieces;
            p.inputs = Share::aligned(m * heads * d);
            p.parts  = Share::aligned(a.few_parts(m * heads, pieces, d));
            p.each   = Share::aligned(a.few_scratch(kv));
        } else {
            const size_t all = (rows + a.columns - 1) / a.columns, panel = 2 * d * a.columns * sizeof(float);
            const size_t most = least_of(l2_bytes() / 2 / panel + 1, (all * kv.kv_heads + width - 1) / width);
            const size_t groups = (all + most - 1) / most;
            p.panels = (all + groups - 1) / groups;
            p.units  = kv.kv_heads * ((all + p.panels - 1) / p.panels);
            p.each   = Share::aligned(a.many_scratch(kv, p.panels));
        }
        p.tasks  = least_of(p.units, width_of(p.parallel));
        size_t all = 0;
        const bool fits = times(p.each, width, &all) && all < SIZE_MAX / 8;
        p.floats = fits ? p.inputs + p.parts + p.each * (p.tasks ? p.tasks : 1) : SIZE_MAX;
        return p;
    }
    static size_t least_of(size_t a, size_t b) { return a < b ? a : b; }

    /// The bytes that rows take, or pages.
    static Status check_rows(const KvView& kv, const KvRows& rows, Span* all) {
        const size_t bytes = cache_row_bytes(rows.type, kv.head_dim), unit = rows.type == CacheType::f32 ? 4 : 2;
        if (static_cast<uint8_t>(rows.type) > static_cast<uint8_t>(CacheType::Q8_0))
            return invalid("the type of keys or values is no CacheType");
        if (rows.type == CacheType::Q8_0 && kv.head_dim % 32)
            return invalid("head_dim must be a multiple of 32 for Q8_0");
        size_t tokens = 0, heads = 0, most = 0;
        if (kv.pages) {
            for (size_t i = 0; i < (kv.length + cache_page - 1) / cache_page; i++)
                most = kv.pages[i] > most ? kv.pages[i] : most;
            if (!times(most, kv.page_stride, &tokens) || !times(kv.kv_heads, cache_page * bytes, &heads))
                return invalid("the product of these sizes overflows size_t");
            if (kv.page_stride % 64 || reinterpret_cast<uintptr_t>(rows.data) % 64)
                return invalid("pages must be aligned to 64 bytes");
        } else {
            if (!times(kv.length ? kv.length - 1 : 0, rows.token_stride, &tokens)
                || !times(kv.kv_heads - 1, rows.head_stride, &heads))
                return invalid("the product of these sizes overflows size_t");
            if (rows.token_stride % unit || rows.head_stride % unit || reinterpret_cast<uintptr_t>(rows.data) % unit)
                return invalid("keys, values and their strides must be aligned to their elements");
            heads += bytes;
        }
        if (heads > SIZE_MAX - tokens || tokens + heads > SIZE_MAX / 2)
            return invalid("the product of these sizes overflows size_t");
        if (kv.length && !rows.data) return invalid("null pointer for keys or values");
        *all = Span(rows.data, kv.length ? tokens + heads : 0, 1, 1);
        return success;
    }
    Status check_args(const AttentionArgs<E>& a) const {
        const KvView& kv = a.kv;
        if (!kv.head_dim || kv.head_dim % 8 || kv.head_dim > 576)
            return invalid("head_dim must be a multiple of 8 up to 576");
        if (!kv.kv_heads || a.heads % kv.kv_heads)
            return invalid("heads must be a multiple of kv_heads");
        if (!(a.softcap >= 0) || !(a.softcap <= largest_float))
            return invalid("softcap must be 0, or positive and finite");
        if (a.position > SIZE_MAX / 4 || a.m > SIZE_MAX / 4 || kv.length > SIZE_MAX / 4)
            return invalid("position, m and length must be positions of tokens");
        const size_t row = kv.head_dim * sizeof(E);
        Span spans[] = {{a.q, 0, 0, 0}, {nullptr, 0, 0, 0}, {nullptr, 0, 0, 0},
                        {a.sinks, a.sinks ? a.heads : 0, 1, sizeof(float)},
                        {a.slopes, a.slopes ? a.heads : 0, 1, sizeof(float)}};
        if (Status s = check_rows(kv, kv.keys, &spans[1]); !s)    return s;
        if (Status s = check_rows(kv, kv.values, &spans[2]); !s)  return s;
        if (a.out != a.q) spans[0] = Span(a.q, a.m, a.heads, row);
        return check_buffers(Span(a.out, a.m, a.heads, row), spans);
    }
    static float scale_of(const AttentionArgs<E>& a) {
        return a.scale != 0 ? a.scale : static_cast<float>(1 / sqrt64(static_cast<double>(a.kv.head_dim)));
    }
    Status run(const AttentionArgs<E>& args) const {
        if (Status s = check_args(args); !s || args.m == 0 || args.heads == 0) return s;
        const AttentionKernels& a = *k.table().attention;
        AttentionJob job = {args.q, args.out, args.kv, args.m, args.heads, args.position, args.window, args.causal,
                            scale_of(args), args.softcap, args.sinks, args.slopes, nullptr, nullptr, 0, 0, 0};
        const Seen   seen = seen_by_all(job);
        const size_t end  = seen.end > seen.begin ? seen.end : seen.begin;
        job.first  = seen.begin / a.piece;
        job.pieces = end > seen.begin ? (end + a.piece - 1) / a.piece - job.first : 0;
        if (!addressable(args.m, args.heads * args.kv.head_dim)) return no_memory();
        const Plan p = plan(args.kv, args.m, args.heads, job.pieces);
        const Scratch memory(k.workspace, p.floats);
        if (!memory) return no_memory();
        job.inputs = memory.data();
        job.parts  = job.inputs + p.inputs;
        job.panels = p.panels;
        float* const rest = job.parts + p.parts;
        if (p.few) {
            a.few_inputs(job, job.inputs);
            const Share share(p.parallel, p.units, 1), rows(p.parallel, args.m * args.heads, 1);
            split(p.parallel, share, p.units, [&](size_t begin, size_t stop, size_t task) {
                a.few_units(job, begin, stop, rest + task * p.each);
            });
            split(p.parallel, rows, args.m * args.heads, [&](size_t begin, size_t stop, size_t) {
                a.few_outputs(job, begin, stop);
            });
            return success;
        }
        std::atomic<size_t> next{0};                            // the last rows, which see most, come first
        const Share share(p.parallel, p.tasks, 1);
        split(p.parallel, share, p.tasks, [&](size_t, size_t, size_t task) {
            for (size_t unit = next++; unit < p.units; unit = next++)
                a.many_unit(job, unit % args.kv.kv_heads, (p.units - 1 - unit) / args.kv.kv_heads,
                            rest + task * p.each);
        });
        return success;
    }
};

} // namespace impl

template <class E> Status CpuKernels<E>::attention(const AttentionArgs<E>& args) const {
#if GK_HAS_ATTENTION
    return impl::Attention<E>{*this}.run(args);
#else
    (void)args;
    return {Code::unsupported, "attention was left out of this build by GLLM_KERNELS_NO_ATTENTION"};
#endif
}
template <class E> size_t CpuKernels<E>::attention_workspace_bytes(size_t m, size_t heads, size_t kv_heads,
        size_t head_dim, size_t length) const {
    size_t all = 0;
    if (!GK_HAS_ATTENTION || !m || !heads || !kv_heads || heads % kv_heads || !head_dim) return 0;
    if (!impl::times(heads, head_dim, &all) || !impl::addressable(m, all))  return 0;
    KvView kv;
    kv.kv_heads = kv_heads;
    kv.head_dim = head_dim;
    kv.length   = length;
    const size_t pieces = length / table_->attention->piece + 1;
    if (!impl::addressable(m * heads, pieces) || !impl::addressable(m * heads * pieces, head_dim)) return 0;
    return impl::Scratch::bytes(impl::Attention<E>{*this}.plan(kv, m, heads, pieces).floats);
}

// ---- quantised products -----------------------------------------------------

namespace impl {

enum PlainFormat : size_t { plain8 = quant_type_count, plain4, plain2, plain1, format_count };

/// What a product needs to know of a format: its row stride, and how rows begin at multiples of KC.
struct Weights {
    const FormatKernels* kernels;
    const uint8_t*       rows;
    size_t               row_stride, block_weights, block_bytes;
};
/// output[m][n] = input[m][k] W^T, times scales[n] if given; prepared: null, or a checked buffer of prepare.
template <class E> struct Request {
    const E*    input;
    E*          output;
    size_t      m, n, k;
    Precision   precision;
    const E*    scales;
    const void* prepared;
};

template <class E> struct Quantised {
    const CpuKernels<E>& k;

    static constexpr bool is_f32 = sizeof(E) == sizeof(float), is_bf16 = Element<E>::ELEM_ID == Element<bf16>::ELEM_ID;

    /// The route of a product, how threads share it, and its scratch: x as the route takes it, and what its threads
    /// need, or the larger needs of `nested`, which inputs beyond tiles of digits turn to; then input and output
    /// widened if they are of a 16-bit type.
    struct Plan {
        QuantRoute          route;
        const DigitKernels* kernels;
        size_t              digits;
        Parallel            parallel;
        Share               inputs, outputs;                    // of `digits`: to pack by, to multiply by
        Share               columns;                            // of `nested`
        size_t              flags, packed;                      // of x: those of rows, panels behind them
        size_t              own;                                // where threads' scratch begins
        size_t              room, wide_x, wide_y, floats;
    };
    /// y[m][n] = x[m][k] W^T; ready: x in the form of the route, or null.
    struct Floats {
        const float* x;
        float*       y;
        size_t       m, n, k;
        float*       room;
        const float* ready;
    };

    const KernelTable<float>& float_table() const { return *table_of(k.isa(), static_cast<const float*>(nullptr)); }

    Plan plan(const FormatKernels& f, size_t m, size_t n, size_t kdim, Precision precision) const {
        const DigitKernels* const d = digit_kernels(f, float_table().gemm->digits, is_bf16, m);
        const size_t digits = !d ? 0 : precision == Precision::fast ? d->fast : d->exact;
        const QuantRoute route = quant_route(f, d, digits, m, n, kdim, precision);
        return route == QuantRoute::codes ? plan(route, nullptr, code_digits(f, precision), m, n, kdim, f.by_codes)
                                          : plan(route, d, digits, m, n, kdim, f.by_codes);
    }
    Plan plan(QuantRoute route, const DigitKernels* d, size_t digits, size_t m, size_t n, size_t kdim,
            const CodeKernels* codes = nullptr) const {
        const GemmKernels& g = *float_table().gemm;
        const bool     fixed = route == QuantRoute::digits, nest = fixed || route == QuantRoute::nested;
        const Parallel p     = worth(k.parallel, work(m, n, kdim));
        Plan plan = {route, d, digits, p, Share(p, m, fixed ? d->rows : 1), Share(p, n, fixed ? d->columns : 1),
                     Share(p, n, nest ? g.nr : 1), 0, 0, 0, 0, 0, 0, 0};
        const size_t nested = nest ? plan.columns.floats(g.scratch_floats(m, plan.columns.part, kdim)) : 0;
        if (fixed) {
            const size_t odd = m * codes->prepared_bytes(kdim, codes->exact) / sizeof(float);    // where all rows are
            plan.flags  = Share::aligned((m + 3) / 4);
            plan.packed = plan.flags + Share::aligned(d->packed_floats(m, kdim, digits));
            plan.own    = plan.packed > plan.flags + odd ? plan.packed : plan.flags + odd;
        } else if (route == QuantRoute::codes) {
            plan.packed = plan.own = m * codes->prepared_bytes(kdim, digits) / sizeof(float);
        }
        const size_t own = plan.own + (fixed ? plan.outputs.floats(d->thread_floats) : 0);
        plan.room   = own > nested ? own : nested;
        plan.wide_x = is_f32 ? 0 : Share::aligned(m * kdim);
        plan.wide_y = is_f32 ? 0 : Share::aligned(m * n);
        plan.floats = plan.room == SIZE_MAX ? SIZE_MAX : plan.room + plan.wide_x + plan.wide_y;
        return plan;
    }

    Status run(const Weights& w, const Request<E>& r) const {
        if (!addressable(r.m, r.n, r.k)) return no_memory();
        return with_floats(plan(*w.kernels, r.m, r.n, r.k, r.precision), r, [&](const Plan& plan, const Floats& f) {
            if (plan.route == QuantRoute::codes) { by_codes(plan, w, f); return; }
            if (plan.route == QuantRoute::digits && in_digits(plan, w, f, r.precision)) return;
            if (f.m < FEW_ROWS) decoded(plan, w, f);
            else                nested(plan, w, f, r.precision);
        });
    }

    /// body(plan, f): f with float copies of input and output, or themselves.
    template <class Body> Status with_floats(const Plan& plan, const Request<E>& r, const Body& body) const {
        const Scratch memory(k.workspace, plan.floats);
        if (!memory) return no_memory();
        float* const room = memory.data();
        Floats f = {as_float(r.input), as_float(r.output), r.m, r.n, r.k, room,
                    r.prepared ? form_in(r.prepared, plan) : nullptr};
        if (!is_f32) {
            k.table().widen(r.input, room + plan.room, r.m * r.k);
            f.x = room + plan.room;
            f.y = room + plan.room + plan.wide_x;
        }
        body(plan, f);
        if (r.scales)
            for (size_t i = 0; i < r.m; i++)
                for (size_t j = 0; j < r.n; j++) f.y[i * r.n + j] *= to_f32(r.scales[j]);
        if (!is_f32) k.table().narrow(f.y, r.output, r.m * r.n);
        return success;
    }

    static void decoded(const Plan& plan, const Weights& w, const Floats& f) {
        split(plan.parallel, plan.outputs, f.n, [&](size_t begin, size_t end, size_t) {
            w.kernels->rows({w.kernels, w.rows + begin * w.row_stride, w.row_stride, end - begin, f.x, f.m, f.k,
                             f.y + begin, f.n, nullptr, 0});
        });
    }
    /// m rows of x to fixed point.
    static void prepare_codes(const Parallel& parallel, const CodeKernels& c, const float* x, size_t m, size_t kdim,
            size_t digits, float* to) {
        const size_t bytes = c.prepared_bytes(kdim, digits);
        split(parallel, m, 1, [&](size_t begin, size_t end, size_t) {
            for (size_t i = begin; i < end; i++)
                c.prepare(x + i * kdim, kdim, digits, reinterpret_cast<uint8_t*>(to) + i * bytes);
        });
    }
    /// By codes, x as f.ready.
    static void multiply_codes(const Plan& plan, const Weights& w, const Floats& f, size_t digits) {
        split(plan.parallel, plan.outputs, f.n, [&](size_t begin, size_t end, size_t) {
            w.kernels->rows_by_codes({w.kernels, w.rows + begin * w.row_stride, w.row_stride, end - begin, f.x, f.m,
                                      f.k, f.y + begin, f.n, reinterpret_cast<const uint8_t*>(f.ready), digits});
        });
    }
    static void by_codes(const Plan& plan, const Weights& w, Floats f) {
        if (!f.ready) {
            prepare_codes(plan.parallel, *w.kernels->by_codes, f.x, f.m, f.k, plan.digits, f.room);
            f.ready = f.room;
        }
        multiply_codes(plan, w, f, plan.digits);
    }
    /// x to panels of digits, flags of its rows before them. False if tiles do not hold it.
    static bool pack(const Plan& plan, const float* x, size_t m, size_t kdim, float* to) {
        std::atomic<bool> fits{true};
        split(plan.parallel, plan.inputs, m, [&](size_t begin, size_t end, size_t) {
            uint8_t* const odd    = reinterpret_cast<uint8_t*>(to);
            uint8_t* const panels = reinterpret_cast<uint8_t*>(to + plan.flags);
            if (!plan.kernels->pack(x, m, kdim, plan.digits, begin, end, panels, odd)) fits = false;
        });
        return fits;
    }
    /// The product in fixed point. Rows that have none are taken alone, by codes: no row depends on others. False if
    /// tiles do not hold x.
    static bool in_digits(const Plan& plan, const Weights& w, const Floats& f, Precision precision) {
        if (!f.ready && !pack(plan, f.x, f.m, f.k, f.room)) return false;
        const float* const   packed = f.ready ? f.ready : f.room;
        const uint8_t* const odd    = reinterpret_cast<const uint8_t*>(packed);
        const uint8_t* const panels = reinterpret_cast<const uint8_t*>(packed + plan.flags);
        split(plan.parallel, plan.outputs, f.n, [&](size_t begin, size_t end, size_t task) {
            plan.kernels->run({w.kernels, w.rows + begin * w.row_stride, w.row_stride, w.block_bytes, f.x, panels, f.m,
                               end - begin, f.k, plan.digits, f.y + begin, f.n,
                               f.room + plan.own + task * plan.outputs.each});
        });
        const size_t digits = code_digits(*w.kernels, precision);
        for (size_t i = 0, end; i < f.m; i = end) {
            for (end = i + 1; end < f.m && odd[end] == odd[i]; end++) {}
            if (!odd[i]) continue;
            const Floats alone = {f.x + i * f.k, f.y + i * f.n, end - i, f.n, f.k, nullptr, f.room + plan.flags};
            prepare_codes(plan.parallel, *w.kernels->by_codes, alone.x, alone.m, f.k, digits, f.room + plan.flags);
            multiply_codes(plan, w, alone, digits);
        }
        return true;
    }

    // ---- inputs prepared ahead, for whatever has at least FEW_OUTPUTS

    size_t prepared_bytes(const FormatKernels& f, size_t m, size_t kdim, Precision precision) const {
        return addressable(m, kdim)
                ? packed_header_bytes + plan(f, m, FEW_OUTPUTS, kdim, precision).packed * sizeof(float) : 0;
    }
    Status prepare(const FormatKernels& f, const E* input, size_t m, size_t kdim, void* prepared,
            Precision precision) const {
        const Plan    p = plan(f, m, FEW_OUTPUTS, kdim, precision);
        const Scratch memory(k.workspace, p.wide_x);
        if (!memory) return no_memory();
        const float* x = as_float(input);
        if (!is_f32) {
            k.table().widen(input, memory.data(), m * kdim);
            x = memory.data();
        }
        PackedHeader h = {};
        memcpy(h.magic, prepared_magic, sizeof prepared_magic);
        h.isa       = static_cast<uint8_t>(k.isa());
        h.element   = static_cast<uint8_t>(Element<E>::ELEM_ID);
        h.offset    = static_cast<uint8_t>(aligned_offset(prepared));
        h.precision = static_cast<uint8_t>(precision);
        h.route     = static_cast<uint8_t>(p.route);
        h.rows      = m;
        h.k         = kdim;
        h.bytes     = p.packed * sizeof(float);
        float* const to = reinterpret_cast<float*>(static_cast<char*>(prepared) + h.offset);
        if (p.route == QuantRoute::codes) prepare_codes(p.parallel, *f.by_codes, x, m, kdim, p.digits, to);
        if (p.route == QuantRoute::digits && !pack(p, x, m, kdim, to)) h.bytes = 0;
        memcpy(prepared, &h, sizeof h);
        return success;
    }
    Status check_prepared(const void* prepared, const E* output, size_t m, size_t n, size_t kdim,
            Precision precision) const {
        if (!prepared) return invalid("null pointer for the prepared input");
        PackedHeader h;
        memcpy(&h, prepared, sizeof h);
        if (memcmp(h.magic, prepared_magic, sizeof prepared_magic) != 0
            || h.offset < sizeof h || h.offset >= packed_header_bytes)
            return invalid("this buffer was not made by prepare");
        if (h.isa != static_cast<uint8_t>(k.isa()) || h.element != static_cast<uint8_t>(Element<E>::ELEM_ID))
            return invalid("this input was prepared for another instruction set or element type");
        if (h.rows != m || h.k != kdim || h.precision != static_cast<uint8_t>(precision))
            return invalid("this input was prepared with other m, k or precision");
        if ((reinterpret_cast<uintptr_t>(prepared) + h.offset) % 64)
            return invalid("this prepared input was copied to an address that differs from its first one modulo 64");
        if (h.bytes > SIZE_MAX - packed_header_bytes) return invalid("this buffer was not made by prepare");
        const size_t bytes = h.bytes & SIZE_MAX;
        if (overlap(Span(output, m, n, sizeof(E)), Span(prepared, bytes + packed_header_bytes, 1, 1)))
            return invalid("the output overlaps an input");
        return success;
    }
    /// x in a checked buffer, in the form that a plan asks for; or null.
    static const float* form_in(const void* prepared, const Plan& plan) {
        PackedHeader h;
        memcpy(&h, prepared, sizeof h);
        return h.route == static_cast<uint8_t>(plan.route) && h.bytes && h.bytes == plan.packed * sizeof(float)
                ? reinterpret_cast<const float*>(static_cast<const char*>(prepared) + h.offset) : nullptr;
    }

    void nested(const Plan& plan, const Weights& w, const Floats& f, Precision precision) const {
        const GemmKernels& g = *float_table().gemm;
        BSource b = {};
        b.data          = w.rows;
        b.ld            = w.row_stride;
        b.dequant       = w.kernels->dequant;
        b.block_weights = w.block_weights;
        b.block_bytes   = w.block_bytes;
        b.panel         = g.panel(BForm::format);
        const Terms terms = quant_terms(w.kernels->unpack != nullptr, is_bf16, precision);
        nest(plan, g.run_terms(terms.x, terms.w), b, f);
    }
    /// The loop nest with decoded panels, threads over columns.
    static void nest(const Plan& plan, RunPart* run_part, const BSource& b, const Floats& f) {
        split(plan.parallel, plan.columns, f.n, [&](size_t begin, size_t end, size_t task) {
            GemmJob job = {};
            job.a = f.x;  job.lda = f.k;
            job.b = b;  job.column = begin;
            job.c = f.y + begin;  job.ldc = f.n;
            job.m = job.all_m = job.part_m = f.m;
            job.n = end - begin;  job.all_n = f.n;  job.part_n = plan.columns.part;  job.k = f.k;
            job.scratch = f.room + task * plan.columns.each;
            run_part(job);
        });
    }
    static const float* as_float(const float* p) { return p; }
    static float*       as_float(float* p)       { return p; }
    template <class T> static float* as_float(T*) { return nullptr; }
};

static inline Status check_type(QuantType type, size_t k, const FormatKernels* formats) {
    const size_t i = static_cast<size_t>(type);
    if (i >= quant_type_count) return invalid("type is not one of the values of QuantType");
    if (!formats[i].dequant)
        return {Code::unsupported, "this format was left out of this build by a GLLM_KERNELS_NO_ macro"};
    if (k % block_size(type))  return invalid(format_infos[i].ragged_k);
    return success;
}
static inline Status check_format(QuantType type, size_t k, Precision precision, const FormatKernels* formats) {
    if (Status s = check_type(type, k, formats); !s) return s;
    if (precision != Precision::exact && precision != Precision::fast)
        return invalid("precision is not one of the values of Precision");
    return k && !row_bytes(type, k) ? invalid("the product of these sizes overflows size_t") : success;
}
template <class E> Status format_matmul(const CpuKernels<E>& kernels, QuantType type, const void* blocks,
        const Request<E>& r, bool is_prepared) {
    const FormatKernels* const formats = kernels.table().formats;
    if (Status s = check_format(type, r.k, r.precision, formats); !s) return s;
    const size_t stride = row_bytes(type, r.k);
    const Span spans[] = {{blocks, r.n, stride, 1}, {r.input, r.m, r.k, sizeof(E)}};
    if (Status s = check_buffers(Span(r.output, r.m, r.n, sizeof(E)), spans); !s) return s;
    const Quantised<E> q{kernels};
    if (is_prepared)
        if (Status s = q.check_prepared(r.prepared, r.output, r.m, r.n, r.k, r.precision); !s) return s;
    if (r.m == 0 || r.n == 0) return success;
    const Weights w = {&formats[static_cast<size_t>(type)], static_cast<const uint8_t*>(blocks), stride,
            block_size(type), block_bytes(type)};
    return q.run(w, r);
}

} // namespace impl

template <class E> Status CpuKernels<E>::dequant(QuantType type, const void* blocks, float* out, size_t n) const {
    if (Status s = impl::check_type(type, n, table_->formats); !s)
        return s.code == Code::invalid_argument && static_cast<size_t>(type) < quant_type_count
                ? impl::invalid("n must be a whole number of blocks of this type; see block_size") : s;
    const impl::Span spans[] = {{blocks, row_bytes(type, n), 1, 1}};
    if (Status s = impl::check_buffers(impl::Span(out, n, 1, sizeof(float)), spans); !s) return s;
    table_->formats[static_cast<size_t>(type)].dequant(blocks, out, n);
    return impl::success;
}

#ifndef GLLM_KERNELS_NO_QUANTIZE
namespace impl {

/// quantize once arguments are checked.
static inline Status encode_rows(const Parallel& parallel, EncodeBlocks* encode, const float* x, size_t rows, size_t k,
        const float* importance, size_t row, void* blocks) {
    const Parallel p = worth(parallel, work(rows, k, 16));
    std::atomic<bool> all{true};
    split(p, rows, 1, [&](size_t begin, size_t end, size_t) {
        if (!all_finite(x + begin * k, (end - begin) * k)) all = false;
    });
    if (!all) return invalid("x must be finite: no code stands for a NaN or an infinity");
    if (importance && !(all_finite(importance, k) && lowest(importance, k) >= 0))
        return invalid("importance must be finite and not negative");
    split(p, rows * row, 1, [&](size_t begin, size_t end, size_t) {
        encode({x, importance, begin, end - begin, row, blocks});
    });
    return success;
}

} // namespace impl
#endif

template <class E> Status CpuKernels<E>::quantize(QuantType type, const float* x, size_t rows, size_t k,
        const float* importance, void* blocks) const {
    if (Status s = impl::check_type(type, k, table_->formats); !s) return s;
#ifdef GLLM_KERNELS_NO_QUANTIZE
    static_cast<void>(x), static_cast<void>(rows), static_cast<void>(importance), static_cast<void>(blocks);
    return {Code::unsupported, "quantisers were left out of this build by GLLM_KERNELS_NO_QUANTIZE"};
#else
    impl::EncodeBlocks* const encode = impl::encoders[static_cast<size_t>(type)];
    if (!encode) return {Code::unsupported, "this format has no quantiser"};
    const size_t stride = row_bytes(type, k);
    if (k && !stride) return impl::invalid("the product of these sizes overflows size_t");
    const impl::Span spans[] = {{x, rows, k, sizeof(float)}, {importance, importance ? k : 0, 1, sizeof(float)}};
    if (Status s = impl::check_buffers(impl::Span(blocks, rows, stride, 1), spans); !s) return s;
    if (rows == 0 || k == 0) return impl::success;
    return impl::encode_rows(parallel, encode, x, rows, k, importance, k / block_size(type), blocks);
#endif
}

template <class E> Status CpuKernels<E>::matmul(QuantType type, const void* blocks, const E* input, E* output, size_t m,
        size_t n, size_t k, Precision precision) const {
    return impl::format_matmul<E>(*this, type, blocks, {input, output, m, n, k, precision, nullptr, nullptr}, false);
}
template <class E> Status CpuKernels<E>::matmul_prepared(QuantType type, const void* blocks, const E* input,
        const void* prepared, E* output, size_t m, size_t n, size_t k, Precision precision) const {
    return impl::format_matmul<E>(*this, type, blocks, {input, output, m, n, k, precision, nullptr, prepared}, true);
}
template <class E> size_t CpuKernels<E>::prepared_bytes(QuantType type, size_t m, size_t k, Precision precision) const {
    if (!impl::check_format(type, k, precision, table_->formats)) return 0;
    return impl::Quantised<E>{*this}.prepared_bytes(table_->formats[static_cast<size_t>(type)], m, k, precision);
}
template <class E> Status CpuKernels<E>::prepare(QuantType type, const E* input, size_t m, size_t k, void* prepared,
        Precision precision) const {
    if (Status s = impl::check_format(type, k, precision, table_->formats); !s) return s;
    const size_t bytes = prepared_bytes(type, m, k, precision);
    if (bytes == 0) return impl::invalid("the product of these sizes overflows size_t");
    const impl::Span spans[] = {{input, m, k, sizeof(E)}};
    if (Status s = impl::check_buffers(impl::Span(prepared, bytes, 1, 1), spans); !s) return s;
    const impl::FormatKernels& format = table_->formats[static_cast<size_t>(type)];
    return impl::Quantised<E>{*this}.prepare(format, input, m, k, prepared, precision);
}
template <class E> Status CpuKernels<E>::kquant_matmul(const void* blocks, const E* input, E* output, QuantType type,
        size_t m, size_t n, size_t k, Precision precision) const {
    if (!impl::is_of<impl::Family::KQUANT>(type))
        return impl::invalid("kquant_matmul takes Q2_K .. Q8_K; matmul takes every type");
    return matmul(type, blocks, input, output, m, n, k, precision);
}
template <class E> Status CpuKernels<E>::iq_matmul(const void* blocks, const E* input, E* output, QuantType type,
        size_t m, size_t n, size_t k, Precision precision) const {
    if (!impl::is_of<impl::Family::IQ>(type))
        return impl::invalid("iq_matmul takes IQ1_S .. IQ4_XS; matmul takes every type");
    return matmul(type, blocks, input, output, m, n, k, precision);
}
template <class E> size_t CpuKernels<E>::matmul_workspace_bytes(QuantType, size_t m, size_t n, size_t k,
        Precision) const {
    using Q = impl::Quantised<E>;
    if (!impl::addressable(m, n, k)) return 0;
    const Q q{*this};
    const impl::FormatKernels& codes = table_->formats[impl::plain8];          // the format with the most routes
    // Tensors of checkpoints, whatever m; codes, with flags of rows, as `digits` may need both; either precision.
    const size_t all[] = {q.plan(impl::QuantRoute::nested, nullptr, 0, m, n, k).floats,
                          !codes.by_codes ? 0
                                  : q.plan(impl::QuantRoute::codes, nullptr, 3, m, n, k, codes.by_codes).floats
                                            + impl::Share::aligned((m + 3) / 4),
                          q.plan(codes, m, n, k, Precision::exact).floats,
                          q.plan(codes, m, n, k, Precision::fast).floats};
    size_t most = 0;
    for (size_t floats : all) if (floats > most) most = floats;
    return impl::Scratch::bytes(most);
}

// ---- plain quantised products -----------------------------------------------

namespace impl {

/// Rows of plain codes, and a scale for each.
template <class E> struct PlainRows {
    PlainFormat format;
    size_t      bits;
    const void* codes;
    const E*    scales;
};

/// scale * sum w_i x_i over one row, the input widened a chunk at a time.
template <class E>
E plain_row(const CpuKernels<E>& kernels, const PlainRows<E>& w, const E* input, float scale, size_t n) {
    GLLM_KERNELS_ASSERT(n == 0 || (w.codes && input));
    constexpr size_t chunk = 1024;
    double total = 0;
    for (size_t p = 0; p < n; p += chunk) {
        const size_t count = n - p < chunk ? n - p : chunk;
        float x[chunk], y = 0;
        kernels.table().widen(input + p, x, count);
        const FormatKernels& f = kernels.table().formats[w.format];
        f.rows({&f, static_cast<const uint8_t*>(w.codes) + p * w.bits / 8, 0, 1, x, 1, count, &y, 1, nullptr, 0});
        total += static_cast<double>(y);
    }
    E out;
    from_f32(static_cast<float>(total * static_cast<double>(scale)), &out);
    return out;
}
template <class E> Status plain_matmul(const CpuKernels<E>& kernels, const PlainRows<E>& rows, const E* input,
        E* output, size_t m, size_t n, size_t k, Precision precision) {
    if (precision != Precision::exact && precision != Precision::fast)
        return invalid("precision is not one of the values of Precision");
    size_t total_bits = 0;
    if (!times(k, rows.bits, &total_bits) || total_bits > SIZE_MAX - 7)
        return invalid("the product of these sizes overflows size_t");
    const size_t stride = (total_bits + 7) / 8;
    const Span spans[] = {{rows.codes, n, stride, 1}, {input, m, k, sizeof(E)}, {rows.scales, n, 1, sizeof(E)}};
    if (Status s = check_buffers(Span(output, m, n, sizeof(E)), spans); !s) return s;
    if (m == 0 || n == 0) return success;
    const Weights w = {&kernels.table().formats[rows.format], static_cast<const uint8_t*>(rows.codes), stride, 32,
            4 * rows.bits};
    return Quantised<E>{kernels}.run(w, {input, output, m, n, k, precision, rows.scales, nullptr});
}

} // namespace impl

template <class E> E CpuKernels<E>::gemv_q8(const void* weight, const E* input, Scalar scale, size_t n) const {
    return impl::plain_row<E>(*this, {impl::plain8, 8, weight, nullptr}, input, scale.value, n);
}
template <class E> E CpuKernels<E>::gemv_q4(const void* weight, const E* input, Scalar scale, size_t n) const {
    return impl::plain_row<E>(*this, {impl::plain4, 4, weight, nullptr}, input, scale.value, n);
}
template <class E> E CpuKernels<E>::gemv_q2(const void* weight, const E* input, Scalar scale, size_t n) const {
    return impl::plain_row<E>(*this, {impl::plain2, 2, weight, nullptr}, input, scale.value, n);
}
template <class E> E CpuKernels<E>::gemv_q1(const void* weight, const E* input, Scalar scale, size_t n) const {
    return impl::plain_row<E>(*this, {impl::plain1, 1, weight, nullptr}, input, scale.value, n);
}
template <class E> Status CpuKernels<E>::gemm_q8(const void* weight, const E* input, E* output, const E* scales,
        size_t m, size_t n, size_t k, Precision precision) const {
    return impl::plain_matmul<E>(*this, {impl::plain8, 8, weight, scales}, input, output, m, n, k, precision);
}
template <class E> Status CpuKernels<E>::gemm_q4(const void* weight, const E* input, E* output, const E* scales,
        size_t m, size_t n, size_t k, Precision precision) const {
    return impl::plain_matmul<E>(*this, {impl::plain4, 4, weight, scales}, input, output, m, n, k, precision);
}

// ---- checkpoint tensors -----------------------------------------------------

namespace impl {

/// Everything that can be wrong with an AWQ (gptq = false) or GPTQ tensor, against one output.
static inline Status check_checkpoint(const Checkpoint& t, bool gptq, const Span& out, const Span& input) {
    if (t.group == 0)       return invalid("group must not be 0");
    if (t.n % 8)            return invalid("n must be a multiple of 8 for AWQ and GPTQ tensors");
    if (gptq && t.k % 8)    return invalid("k must be a multiple of 8 for GPTQ tensors");
    if (!gptq && t.k % t.group) return invalid("k must be a multiple of group for AWQ tensors");
    if (gptq && t.zeros > GptqZeros::symmetric)
        return invalid("zeros must be v1, v2 or symmetric; see detect_gptq_zeros");
    const size_t groups = t.k / t.group + (t.k % t.group != 0);
    const bool   no_zeros = gptq && t.zeros == GptqZeros::symmetric;
    const Span spans[] = {{t.qweight, t.k, t.n / 8, 4}, {t.qzeros, no_zeros ? 0 : groups, t.n / 8, 4},
                          {t.scales, groups, t.n, 2}, {t.g_idx, t.g_idx ? t.k : 0, 1, 4}, input};
    if (Status s = check_buffers(out, spans); !s) return s;
    if (t.g_idx)
        for (size_t i = 0; i < t.k; i++)
            if (t.g_idx[i] < 0 || static_cast<size_t>(t.g_idx[i]) >= groups)
                return invalid("g_idx holds a group that does not exist");
    return success;
}

template <class E> Status checkpoint_matmul(const CpuKernels<E>& k, const Checkpoint& t, bool gptq, const E* input,
        E* output, size_t m) {
    if (Status s = check_checkpoint(t, gptq, Span(output, m, t.n, sizeof(E)), Span(input, m, t.k, sizeof(E))); !s)
        return s;
    if (!k.table().checkpoints->dequant_awq)
        return {Code::unsupported, "checkpoint tensors were left out of this build by GLLM_KERNELS_NO_CHECKPOINTS"};
    if (m == 0 || t.n == 0) return success;
    if (!addressable(m, t.n, t.k)) return no_memory();
    using Q = Quantised<E>;
    const Q q{k};
    const Request<E> r = {input, output, m, t.n, t.k, Precision::exact, nullptr, nullptr};
    return q.with_floats(q.plan(QuantRoute::nested, nullptr, 0, m, t.n, t.k), r,
                         [&](const typename Q::Plan& plan, const typename Q::Floats& f) {
        const GemmKernels& g = *q.float_table().gemm;
        BSource b = {};
        b.data  = &t;
        b.panel = g.panel(gptq ? BForm::gptq : BForm::awq);
        Q::nest(plan, g.run, b, f);
    });
}

template <class E> Status checkpoint_dequant(const CpuKernels<E>& k, const Checkpoint& t, bool gptq, float* out) {
    if (Status s = check_checkpoint(t, gptq, Span(out, t.n, t.k, sizeof(float)), Span(nullptr, 0, 0, 0)); !s) return s;
    const CheckpointKernels& c = *k.table().checkpoints;
    if (!c.dequant_awq)
        return {Code::unsupported, "checkpoint tensors were left out of this build by GLLM_KERNELS_NO_CHECKPOINTS"};
    split(worth(k.parallel, work(t.n, t.k, 1)), t.n, k.table().gemm->nr, [&](size_t begin, size_t end, size_t) {
        (gptq ? c.dequant_gptq : c.dequant_awq)(t, out, begin, end - begin);
    });
    return success;
}
static inline Checkpoint checkpoint(const void* qweight, const void* qzeros, const void* scales, const int32_t* g_idx,
        size_t n, size_t k, size_t group, GptqZeros zeros) {
    return {static_cast<const uint8_t*>(qweight), static_cast<const uint8_t*>(qzeros),
            static_cast<const uint8_t*>(scales), g_idx, n, k, group, zeros};
}

} // namespace impl

template <class E> Status CpuKernels<E>::dequant_awq4(const void* qweight, const void* qzeros, const void* scales,
        float* out, size_t n, size_t k, size_t group) const {
    const impl::Checkpoint t = impl::checkpoint(qweight, qzeros, scales, nullptr, n, k, group, GptqZeros::v2);
    return impl::checkpoint_dequant(*this, t, false, out);
}
template <class E> Status CpuKernels<E>::dequant_gptq4(const void* qweight, const void* qzeros, const void* scales,
        const int32_t* g_idx, float* out, size_t n, size_t k, size_t group, GptqZeros zeros) const {
    const impl::Checkpoint t = impl::checkpoint(qweight, qzeros, scales, g_idx, n, k, group, zeros);
    return impl::checkpoint_dequant(*this, t, true, out);
}
template <class E> Status CpuKernels<E>::awq_matmul(const void* qweight, const void* qzeros, const void* scales,
        const E* input, E* output, size_t m, size_t n, size_t k, size_t group) const {
    const impl::Checkpoint t = impl::checkpoint(qweight, qzeros, scales, nullptr, n, k, group, GptqZeros::v2);
    return impl::checkpoint_matmul(*this, t, false, input, output, m);
}
template <class E> Status CpuKernels<E>::gptq_matmul(const void* qweight, const void* qzeros, const void* scales,
        const int32_t* g_idx, const E* input, E* output, size_t m, size_t n, size_t k, size_t group,
        GptqZeros zeros) const {
    const impl::Checkpoint t = impl::checkpoint(qweight, qzeros, scales, g_idx, n, k, group, zeros);
    return impl::checkpoint_matmul(*this, t, true, input, output, m);
}

template <class E> Status CpuKernels<E>::csr_matmul_add(const int32_t* rows, const int32_t* cols, const float* vals,
        const E* input, E* output, size_t m, size_t n, size_t k) const {
    const impl::Span before[] = {{rows, n == SIZE_MAX ? n : n + 1, 1, 4}, {input, m, k, sizeof(E)}};
    const impl::Span out(output, m, n, sizeof(E));
    if (Status s = impl::check_buffers(out, before); !s) return s;
    if (m == 0 || n == 0) return impl::success;
    if (rows[0] < 0) return impl::invalid("rows must start at 0 or above and not decrease");
    for (size_t r = 0; r < n; r++)
        if (rows[r + 1] < rows[r]) return impl::invalid("rows must start at 0 or above and not decrease");
    const size_t count = static_cast<size_t>(rows[n]);
    const impl::Span entries[] = {{cols, count, 1, 4}, {vals, count, 1, 4}};
    if (Status s = impl::check_buffers(out, entries); !s) return s;
    for (size_t e = static_cast<size_t>(rows[0]); e < count; e++)
        if (cols[e] < 0 || static_cast<size_t>(cols[e]) >= k)
            return impl::invalid("cols holds an input that does not exist");
    impl::split(impl::worth(parallel, impl::work(m, count, 1)), n, 1, [&](size_t begin, size_t end, size_t) {
        for (size_t i = 0; i < m; i++)
            for (size_t r = begin; r < end; r++) {
                double sum = static_cast<double>(impl::to_f32(output[i * n + r]));
                for (int32_t e = rows[r]; e < rows[r + 1]; e++)
                    sum += static_cast<double>(vals[e])
                            * static_cast<double>(impl::to_f32(input[i * k + static_cast<size_t>(cols[e])]));
                impl::from_f32(static_cast<float>(sum), &output[i * n + r]);
            }
    });
    return impl::success;
}

#ifndef GLLM_KERNELS_STATIC        // a private copy instantiates what it uses
template class CpuKernels<float>;
template class CpuKernels<f16>;
template class CpuKernels<bf16>;
#endif

// ---- element arithmetic -----------------------------------------------------

Scalar::Scalar(f16 v) : value(impl::f16_to_f32(v.bits)) {}
Scalar::Scalar(bf16 v) : value(impl::bf16_to_f32(v.bits)) {}

namespace impl {
/// NaN becomes a quiet one, of the same sign.
GK_INL float quiet(float v) { return v != v ? f32_from_bits(f32_bits(v) | 0x400000u) : v; }
template <class E> E make(float v) { E e; from_f32(quiet(v), &e); return e; }

/// a b + c in double, inexact results rounded to the neighbour whose last bit is 1: rounding that once more, to a
/// shorter type, is rounding the exact sum.
static inline double mul_add_to_odd(float a, float b, float c) {
    const double x = static_cast<double>(a) * static_cast<double>(b), y = static_cast<double>(c), sum = x + y;
    if (!(sum - sum == 0)) return sum;                          // NaN or infinite
    const double back = sum - x, rest = (x - (sum - back)) + (y - back);
    uint64_t bits = load_as<uint64_t>(&sum);
    if (rest != 0 && !(bits & 1)) bits += (rest > 0) == (sum > 0) ? 1 : ~uint64_t(0);
    return load_as<double>(&bits);
}
/// To a 16-bit type by way of an odd float, to float at once.
template <class E> E make_from_odd(double v) {
    float f = static_cast<float>(v);
    if (sizeof(E) < sizeof(float) && static_cast<double>(f) != v && f - f == 0 && !(f32_bits(f) & 1)) {
        const bool away = (static_cast<double>(f) < v) == (v > 0);
        f = f32_from_bits(f32_bits(f) + (away ? 1u : ~0u));
    }
    return make<E>(f);
}
static inline const float* as_float(const float* p) { return p; }
template <class E> const float* as_float(const E*) { return nullptr; }
static inline float nan_or(float a, float b, float v) { return a != a ? a + a : b != b ? b + b : v; }
}

template <class E> E Element<E>::from_f32(float v)         { return impl::make<E>(v); }
template <class E> float Element<E>::to_f32(E v)           { return impl::quiet(impl::to_f32(v)); }
template <class E> E Element<E>::mul_add(E acc, E a, E b) {
    return impl::make_from_odd<E>(impl::mul_add_to_odd(impl::to_f32(a), impl::to_f32(b), impl::to_f32(acc)));
}
template <class E> E Element<E>::add(E a, E b)             { return impl::make<E>(impl::to_f32(a) + impl::to_f32(b)); }
template <class E> E Element<E>::sub(E a, E b)             { return impl::make<E>(impl::to_f32(a) - impl::to_f32(b)); }
template <class E> E Element<E>::mul(E a, E b)             { return impl::make<E>(impl::to_f32(a) * impl::to_f32(b)); }
template <class E> E Element<E>::div(E a, E b)             { return impl::make<E>(impl::to_f32(a) / impl::to_f32(b)); }
template <class E> E Element<E>::neg(E a)                  { return impl::make<E>(-impl::to_f32(a)); }
template <class E> E Element<E>::max(E a, E b) {
    const float x = impl::to_f32(a), y = impl::to_f32(b);
    return impl::make<E>(impl::nan_or(x, y, x > y ? x : y));
}
template <class E> E Element<E>::min(E a, E b) {
    const float x = impl::to_f32(a), y = impl::to_f32(b);
    return impl::make<E>(impl::nan_or(x, y, x < y ? x : y));
}
template <class E> E Element<E>::sqrt(E a)                 { return impl::make<E>(impl::sqrt32(impl::to_f32(a))); }
template <class E> E Element<E>::exp(E a) {
    return impl::make<E>(static_cast<float>(::exp(static_cast<double>(impl::to_f32(a)))));
}
template <class E> E Element<E>::recip(E a)                { return impl::make<E>(1.0f / impl::to_f32(a)); }
template <class E> E Element<E>::abs(E a) {
    return impl::make<E>(impl::f32_from_bits(impl::f32_bits(impl::to_f32(a)) & 0x7fffffffu));
}
template <class E> E Element<E>::tanh(E a) {
    return impl::make<E>(static_cast<float>(::tanh(static_cast<double>(impl::to_f32(a)))));
}
template <class E> const float* Element<E>::as_f32(const E* p) { return impl::as_float(p); }
#ifndef GLLM_KERNELS_STATIC
template struct Element<float>;
template struct Element<f16>;
template struct Element<bf16>;
#endif

// ============================================================================
// [21] THREADS: a pool for those who have none
// ============================================================================


#ifdef GLLM_KERNELS_THREADS
/// Workers take tasks by a ticket: how many there are in its upper half, the next one in its lower. One that comes late
/// sees a ticket without tasks left, of this round or of another. Who finds nothing to do looks again for some
/// microseconds, since the next call is often near, and then parks.
struct GK_HIDDEN ThreadPool::State {
    static constexpr int    PATIENCE = 1000;                    // looks
    std::atomic<uint64_t>   ticket{0};
    std::atomic<unsigned>   left{0};                            // tasks not finished
    std::atomic<unsigned>   parked{0};                          // threads that wait for `moved`, the caller too
    std::atomic<bool>       stop{false};
    void                  (*task)(void*, unsigned) = nullptr;
    void*                   arg = nullptr;
    std::mutex              lock;
    std::condition_variable moved;
    std::thread*            workers = nullptr;
    unsigned                count   = 0;

    static void pause() {
#if GK_X86 && defined(__GNUC__)
        __builtin_ia32_pause();
#elif GK_X86
        _mm_pause();
#elif (GK_ARM64 || GK_ARM32) && defined(__GNUC__)
        __asm__ volatile("yield");
#endif
    }
    template <class Ready> void await(const Ready& ready) {
        for (int i = 0; i < PATIENCE; i++) {
            if (ready()) return;
            pause();
        }
        std::unique_lock<std::mutex> held(lock);
        parked++;
        moved.wait(held, ready);
        parked--;
    }
    /// What one thread did may be what another waits for.
    void tell() {
        if (parked == 0) return;
        { std::lock_guard<std::mutex> held(lock); }
        moved.notify_all();
    }
    bool waiting() const { const uint64_t t = ticket; return static_cast<uint32_t>(t) < t >> 32; }
    void drain() {
        for (;;) {
            const uint64_t t = ticket++;
            const uint32_t i = static_cast<uint32_t>(t);
            if (i >= t >> 32) return;
            task(arg, i);
            if (--left == 0) tell();
        }
    }
    void worker() {
        while (!stop) {
            if (waiting()) drain();
            await([&] { return stop || waiting(); });
        }
    }
    static void run(void* pool, unsigned tasks, void (*task)(void*, unsigned), void* arg) {
        State& s = *static_cast<State*>(pool);
        s.task   = task;
        s.arg    = arg;
        s.left   = tasks;
        s.ticket = static_cast<uint64_t>(tasks) << 32;
        s.tell();
        s.drain();
        s.await([&] { return s.left == 0; });
    }
};

ThreadPool::ThreadPool(unsigned width) : state_(new (std::nothrow) State) {
    if (!state_ || width < 2) return;
    state_->workers = new (std::nothrow) std::thread[width - 1];
    if (!state_->workers) return;
    for (; state_->count < width - 1; state_->count++) {
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
        try { state_->workers[state_->count] = std::thread(&State::worker, state_); } catch (...) { break; }
#else
        state_->workers[state_->count] = std::thread(&State::worker, state_);
#endif
    }
}
ThreadPool::~ThreadPool() {
    if (!state_) return;
    state_->stop = true;
    state_->tell();
    for (unsigned i = 0; i < state_->count; i++) state_->workers[i].join();
    delete[] state_->workers;
    delete state_;
}
Parallel ThreadPool::parallel() {
    Parallel p;
    if (!state_ || state_->count == 0) return p;
    p.width = state_->count + 1;
    p.pool  = state_;
    p.run   = &State::run;
    return p;
}
#endif

GK_NAMESPACE_END

// ============================================================================
// [22] THE CACHE OF KEYS AND VALUES
// ============================================================================
//
// One allocation: the pool of pages, a table of page numbers for each sequence and layer, how many tables name each
// page, a stack of free pages, lengths. All layers of a sequence hold the same number of pages. What is written to a
// page that others name as well goes to a copy, and the copies of all layers are made together.

#ifdef GLLM_KERNELS_MODEL
GK_NAMESPACE_BEGIN
namespace impl {

constexpr size_t PAGE_TOKENS = cache_page;

/// The keys, or the values, of a page: a multiple of 64 bytes.
static inline size_t cache_side_bytes(const KvCacheConfig& c, CacheType type) {
    return (c.kv_heads * PAGE_TOKENS * cache_row_bytes(type, c.head_dim) + 63) / 64 * 64;
}

/// Q8_0 of 32 numbers: the largest becomes +-127. NaN and infinities become NaN.
static inline void encode_q8_0(const float* x, uint16_t* d, int8_t* codes, size_t apart) {
    float most = 0;
    for (size_t i = 0; i < 32; i++) {
        const float size = x[i] < 0 ? -x[i] : x[i];
        if (!(size <= most)) most = size;
        if (most != most) break;
    }
    *d = f32_to_f16(most / 127);
    const float step = f16_to_f32(*d), per = step > 0 && step - step == 0 ? 1 / step : 0;
    for (size_t i = 0; i < 32; i++) {
        const float code = round32(x[i] * per);
        codes[i * apart] = static_cast<int8_t>(code > 127 ? 127 : code < -127 ? -127 : code == code ? code : 0);
    }
}

/// The heads of one token, [kv_heads][head_dim] floats, as rows or, of keys, as a column of 16.
class PageWriter {
public:
    PageWriter(const KvCacheConfig& c) : heads_(c.kv_heads), dim_(c.head_dim) {}
    void keys  (CacheType type, const float* x, uint8_t* page, size_t t) { write(type, x, page, t, true); }
    void values(CacheType type, const float* x, uint8_t* page, size_t t) { write(type, x, page, t, false); }
private:
    template <class L> static void put(const L* row, size_t n, uint8_t* to, size_t t, bool column) {
        if (!column) { memcpy(to + t * n * sizeof(L), row, n * sizeof(L)); return; }
        for (size_t i = 0; i < n; i++) memcpy(to + (i * PAGE_TOKENS + t) * sizeof(L), row + i, sizeof(L));
    }
    void write(CacheType type, const float* x, uint8_t* to, size_t t, bool column) {
        const size_t stride = PAGE_TOKENS * cache_row_bytes(type, dim_);
        for (size_t h = 0; h < heads_; h++, x += dim_, to += stride) {
            if (type == CacheType::f32) put(x, dim_, to, t, column);
            for (size_t i = 0; i < dim_ && type != CacheType::f32; i += 32) {
                const size_t n = dim_ - i < 32 ? dim_ - i : 32;
                if (type == CacheType::Q8_0) { q8_0(x + i, i / 32, to, t, column); continue; }
                uint16_t half[32];
                if (type == CacheType::f16) f16_.table().narrow(x + i, reinterpret_cast<f16*>(half), n);
                else                        bf16_.table().narrow(x + i, reinterpret_cast<bf16*>(half), n);
                if (column) put(half, n, to + i * PAGE_TOKENS * 2, t, true);
                else        memcpy(to + (t * dim_ + i) * 2, half, n * 2);
            }
        }
    }
    void q8_0(const float* x, size_t block, uint8_t* to, size_t t, bool column) const {
        block_q8_0 b;
        int8_t* const codes = reinterpret_cast<int8_t*>(column ? to + block * 32 * PAGE_TOKENS + t : b.qs);
        uint16_t d;
        encode_q8_0(x, &d, codes, column ? PAGE_TOKENS : 1);
        if (column) {
            memcpy(to + dim_ * PAGE_TOKENS + (block * PAGE_TOKENS + t) * 2, &d, 2);
        } else {
            memcpy(b.d, &d, 2);
            memcpy(to + (t * (dim_ / 32) + block) * sizeof b, &b, sizeof b);
        }
    }
    CpuKernels<f16>  f16_;
    CpuKernels<bf16> bf16_;
    size_t heads_, dim_;
};

/// What a swapped sequence begins with.
struct SwapHeader { char magic[8]; unsigned long long layers, kv_heads, head_dim, key_type, value_type, length; };
static inline SwapHeader swap_header(const KvCacheConfig& c, unsigned long long length) {
    return {{'g', 'l', 'l', 'm', 'k', 'v', '0', '1'}, c.layers, c.kv_heads, c.head_dim,
            static_cast<unsigned>(c.key_type), static_cast<unsigned>(c.value_type), length};
}
/// Each word is mixed in by steps that can be undone: a stream with one word changed has another sum.
static inline uint64_t checksum(uint64_t sum, const void* data, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 8) {
        sum = (sum ^ load_as<uint64_t>(static_cast<const uint8_t*>(data) + i)) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    return sum;
}

} // namespace impl

size_t KvCache::page_bytes(const KvCacheConfig& c) {
    const auto fits = [&](CacheType t) {
        return t < CacheType::Q8_0 || (t == CacheType::Q8_0 && c.head_dim % 32 == 0);
    };
    if (!c.kv_heads || c.kv_heads > 65536 || !c.head_dim || c.head_dim % 8 || c.head_dim > 576) return 0;
    if (!fits(c.key_type) || !fits(c.value_type)) return 0;
    return impl::cache_side_bytes(c, c.key_type) + impl::cache_side_bytes(c, c.value_type);
}

Status KvCache::fail(Code code, const char* what, size_t requested, size_t available) {
    error_ = InferenceError();
    error_.status    = {code, what};
    error_.requested = requested;
    error_.available = available;
    return error_.status;
}

Status KvCache::init(const KvCacheConfig& config) {
    const size_t page = page_bytes(config), layers = config.layers, sequences = config.sequences;
    if (page == 0)
        return fail(Code::invalid_argument,
                    "head_dim must be a multiple of 8 up to 576, of 32 for Q8_0; kv_heads 1 to 65536");
    if (layers == 0 || layers > 65536 || sequences == 0 || sequences > 65536)
        return fail(Code::invalid_argument, "layers and sequences must be 1 to 65536");
    if (!config.allocate != !config.release)
        return fail(Code::invalid_argument, "allocate and release belong together");
    const size_t per_page = page + 4 * sequences + 8, fixed = sequences * (layers + 1) * sizeof(size_t) + 128;
    size_t pages = config.pages;
    if (pages == 0 && config.bytes > fixed) pages = (config.bytes - fixed) / per_page;
    pages -= pages % layers;
    if (pages == 0) return fail(Code::invalid_argument, "a pool must hold a page of each layer", layers, pages);
    if (pages > UINT32_MAX || pages > (SIZE_MAX - fixed) / per_page)
        return fail(Code::invalid_argument, "a pool of this size has no address");

    const size_t bytes = pages * per_page + fixed;
    void* const memory = config.allocate ? config.allocate(config.user, bytes) : GLLM_KERNELS_MALLOC(bytes);
    if (!memory) return fail(Code::out_of_memory, "no memory for the pool", bytes, 0);
    release();
    config_     = config;
    memory_     = memory;
    bytes_      = bytes;
    page_bytes_ = page;
    most_       = pages / layers;
    free_pages_ = pages;
    pool_    = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(memory) + 63) & ~static_cast<uintptr_t>(63));
    lengths_ = reinterpret_cast<size_t*>(pool_ + pages * page);
    held_    = lengths_ + sequences * layers;
    tables_  = reinterpret_cast<uint32_t*>(held_ + sequences);
    users_   = tables_ + sequences * pages;
    free_    = users_ + pages;
    memset(lengths_, 0, sequences * (layers + 1) * sizeof(size_t));
    memset(users_, 0, pages * sizeof(uint32_t));
    for (size_t i = 0; i < pages; i++) free_[i] = static_cast<uint32_t>(pages - 1 - i);
    error_ = InferenceError();
    return impl::success;
}

void KvCache::release() {
    if (!memory_) return;
    if (config_.release) config_.release(config_.user, memory_);
    else                 GLLM_KERNELS_FREE(memory_);
    memory_ = nullptr;
}
KvCache::~KvCache() { release(); }

Status KvCache::exists(size_t seq, size_t layer) {
    if (!memory_) return fail(Code::invalid_argument, "the cache was not initialised");
    if (seq >= config_.sequences || layer >= config_.layers)
        return fail(Code::invalid_argument, "no such sequence or layer");
    return impl::success;
}

/// A free page, zeros.
uint32_t KvCache::take() {
    const uint32_t number = free_[--free_pages_];
    users_[number] = 1;
    memset(page(number), 0, page_bytes_);
    return number;
}
void KvCache::drop(uint32_t number) {
    if (--users_[number] == 0) free_[free_pages_++] = number;
}

/// Pages of all layers for so many tokens, those from `written` on to be this sequence's alone.
Status KvCache::reserve(size_t seq, size_t written, size_t length) {
    const size_t needed = (length + impl::PAGE_TOKENS - 1) / impl::PAGE_TOKENS, first = written / impl::PAGE_TOKENS;
    const size_t held = held_[seq], layers = config_.layers;
    size_t wanted = needed > held ? needed - held : 0;
    if (needed > most_) return fail(Code::out_of_memory, "more pages than the pool has", wanted * layers, free_pages_);
    wanted *= layers;
    for (size_t l = 0; l < layers; l++)
        for (size_t i = first; i < held && i < needed; i++) wanted += users_[table(seq, l)[i]] > 1;
    if (wanted > free_pages_) return fail(Code::out_of_memory, "too few free pages", wanted, free_pages_);
    for (size_t l = 0; l < layers; l++) {
        uint32_t* const pages = table(seq, l);
        for (size_t i = first; i < held && i < needed; i++) {
            if (users_[pages[i]] == 1) continue;
            const uint32_t copy = take();
            memcpy(page(copy), page(pages[i]), page_bytes_);
            drop(pages[i]);
            pages[i] = copy;
        }
        for (size_t i = held; i < needed; i++) pages[i] = take();
    }
    if (needed > held) held_[seq] = needed;
    return impl::success;
}

Status KvCache::append(size_t seq, size_t layer, const float* keys, const float* values, size_t tokens) {
    if (Status s = exists(seq, layer); !s) return s;
    if (tokens == 0) return impl::success;
    if (!keys || !values) return fail(Code::invalid_argument, "null pointer for keys or values");
    size_t& length = layer_length(seq, layer);
    const size_t capacity = most_ * impl::PAGE_TOKENS;
    if (tokens > capacity) return fail(Code::out_of_memory, "more tokens than the pool has", tokens, capacity);
    if (Status s = reserve(seq, length, length + tokens); !s) return s;
    const KvView at = view(seq, layer);
    const size_t values_at = static_cast<size_t>(static_cast<const uint8_t*>(at.values.data) - pool_);
    const size_t row = config_.kv_heads * config_.head_dim;
    impl::PageWriter writer(config_);
    for (size_t i = 0; i < tokens; i++, length++) {
        uint8_t* const to = page(at.pages[length / impl::PAGE_TOKENS]);
        writer.keys(config_.key_type, keys + i * row, to, length % impl::PAGE_TOKENS);
        writer.values(config_.value_type, values + i * row, to + values_at, length % impl::PAGE_TOKENS);
    }
    return impl::success;
}

Status KvCache::reset_seq(size_t seq) { return truncate(seq, 0); }
Status KvCache::truncate(size_t seq, size_t length) {
    if (Status s = exists(seq, 0); !s) return s;
    const size_t needed = length / impl::PAGE_TOKENS + (length % impl::PAGE_TOKENS != 0);
    for (size_t l = 0; l < config_.layers; l++) {
        for (size_t i = needed; i < held_[seq]; i++) drop(table(seq, l)[i]);
        if (layer_length(seq, l) > length) layer_length(seq, l) = length;
    }
    if (held_[seq] > needed) held_[seq] = needed;
    return impl::success;
}

Status KvCache::fork(size_t from, size_t to, size_t length) {
    if (Status s = exists(from, 0); !s) return s;
    if (Status s = exists(to, 0); !s) return s;
    if (from == to) return fail(Code::invalid_argument, "a sequence cannot be forked to itself");
    if (const size_t all = this->length(from); length > all)
        return fail(Code::invalid_argument, "a fork longer than its sequence", length, all);
    if (Status s = truncate(to, 0); !s) return s;
    held_[to] = (length + impl::PAGE_TOKENS - 1) / impl::PAGE_TOKENS;
    for (size_t l = 0; l < config_.layers; l++) {
        layer_length(to, l) = length;
        for (size_t i = 0; i < held_[to]; i++) users_[table(to, l)[i] = table(from, l)[i]]++;
    }
    return impl::success;
}

Status KvCache::swap_out(size_t seq, bool (*write)(void* user, const void* data, size_t bytes), void* user) {
    if (Status s = exists(seq, 0); !s) return s;
    if (!write) return fail(Code::invalid_argument, "null pointer for write");
    const size_t tokens = length(seq);
    for (size_t l = 0; l < config_.layers; l++)
        if (layer_length(seq, l) != tokens)
            return fail(Code::invalid_argument, "layers of the sequence differ in length");
    const impl::SwapHeader header = impl::swap_header(config_, tokens);
    uint64_t sum = impl::checksum(0, &header, sizeof header);
    bool ok = write(user, &header, sizeof header);
    for (size_t l = 0; l < config_.layers; l++)
        for (size_t i = 0; ok && i < held_[seq]; i++) {
            const uint8_t* const data = page(table(seq, l)[i]);
            sum = impl::checksum(sum, data, page_bytes_);
            ok  = write(user, data, page_bytes_);
        }
    if (!ok || !write(user, &sum, sizeof sum)) return fail(Code::io_error, "the sequence could not be written");
    return reset_seq(seq);
}

Status KvCache::swap_in(size_t seq, bool (*read)(void* user, void* data, size_t bytes), void* user) {
    if (Status s = exists(seq, 0); !s) return s;
    if (!read) return fail(Code::invalid_argument, "null pointer for read");
    if (held_[seq] != 0) return fail(Code::invalid_argument, "the sequence is not empty");
    impl::SwapHeader header;
    if (!read(user, &header, sizeof header)) return fail(Code::io_error, "the stream ends within its header");
    const size_t capacity = most_ * impl::PAGE_TOKENS;
    const impl::SwapHeader ours = impl::swap_header(config_, header.length);
    if (memcmp(header.magic, ours.magic, sizeof ours.magic) != 0)
        return fail(Code::io_error, "the stream holds no swapped sequence");
    if (memcmp(&header, &ours, sizeof ours) != 0)
        return fail(Code::invalid_argument, "the stream is of a cache of other layers, heads or types");
    const size_t tokens = header.length < SIZE_MAX ? static_cast<size_t>(header.length) : SIZE_MAX;
    if (tokens > capacity) return fail(Code::out_of_memory, "more tokens than the pool has", tokens, capacity);
    if (Status s = reserve(seq, 0, tokens); !s) return s;
    uint64_t sum = impl::checksum(0, &header, sizeof header), expected = 0;
    bool ok = true;
    for (size_t l = 0; l < config_.layers; l++)
        for (size_t i = 0; ok && i < held_[seq]; i++) {
            uint8_t* const data = page(table(seq, l)[i]);
            ok  = read(user, data, page_bytes_);
            sum = impl::checksum(sum, data, page_bytes_);
        }
    ok = ok && read(user, &expected, sizeof expected);
    if (!ok || sum != expected) {
        truncate(seq, 0);
        return fail(Code::io_error, ok ? "the stream was changed: its checksum differs" : "the stream ends early");
    }
    for (size_t l = 0; l < config_.layers; l++) layer_length(seq, l) = tokens;
    return impl::success;
}

KvView KvCache::view(size_t seq, size_t layer) const {
    KvView v;
    if (!memory_ || seq >= config_.sequences || layer >= config_.layers) return v;
    const size_t key_row = impl::cache_row_bytes(config_.key_type, config_.head_dim);
    const size_t value_row = impl::cache_row_bytes(config_.value_type, config_.head_dim);
    v.keys.data   = pool_;
    v.keys.type   = config_.key_type;
    v.keys.head_stride = impl::PAGE_TOKENS * key_row;
    v.values.data = pool_ + impl::cache_side_bytes(config_, config_.key_type);
    v.values.type = config_.value_type;
    v.values.token_stride = value_row;
    v.values.head_stride  = impl::PAGE_TOKENS * value_row;
    v.kv_heads    = config_.kv_heads;
    v.head_dim    = config_.head_dim;
    v.length      = layer_length(seq, layer);
    v.pages       = table(seq, layer);
    v.page_stride = page_bytes_;
    return v;
}
size_t KvCache::length(size_t seq) const {
    if (!memory_ || seq >= config_.sequences) return 0;
    size_t least = layer_length(seq, 0);
    for (size_t l = 1; l < config_.layers; l++) least = layer_length(seq, l) < least ? layer_length(seq, l) : least;
    return least;
}
KvStats KvCache::stats() const {
    return memory_ ? KvStats{most_ * config_.layers, free_pages_, page_bytes_, bytes_} : KvStats{0, 0, 0, 0};
}

GK_NAMESPACE_END
#endif

// ============================================================================
// [23] MODELS: tensors, and the forward pass of a transformer
// ============================================================================

#ifdef GLLM_KERNELS_MODEL
GK_NAMESPACE_BEGIN

// ---- tensors ----------------------------------------------------------------

namespace impl {
constexpr Status no_hooks = {Code::unsupported, "a device's tensor needs its hooks"};
constexpr Status no_stage = {Code::out_of_memory, "no memory to pass a tensor through"};

/// Bytes of a row of n numbers; 0 where that is not a whole number of blocks.
static inline size_t dtype_row_bytes(DType dtype, QuantType quant, size_t n) {
    if (dtype == DType::blocks) return row_bytes(quant, n);
    const size_t each = dtype == DType::f32 ? 4 : 2;
    return n > SIZE_MAX / each ? 0 : n * each;
}
static inline Status describe(DeviceTensor* t, size_t rows, size_t cols, DType dtype, QuantType quant) {
    if (dtype > DType::blocks) return invalid("dtype is not one of the values of DType");
    const size_t row = dtype_row_bytes(dtype, quant, cols);
    if (rows == 0 || row == 0) return invalid("a tensor has rows and columns, whole blocks of them");
    if (!times(rows, row, &t->bytes) || !times(rows, cols, &t->elements))
        return invalid("the product of these sizes overflows size_t");
    t->rows  = rows;
    t->cols  = cols;
    t->dtype = dtype;
    t->quant = quant;
    return success;
}
}

DeviceTensor::~DeviceTensor() {
    if (!owned) return;
    if (device != DeviceKind::cpu) { hooks->release(hooks->user, data); return; }
    void* block;                                                // where the allocation began, kept in front of the data
    memcpy(&block, static_cast<uint8_t*>(data) - sizeof block, sizeof block);
    GLLM_KERNELS_FREE(block);
}
DeviceTensor::DeviceTensor(DeviceTensor&& o) noexcept { *this = static_cast<DeviceTensor&&>(o); }
DeviceTensor& DeviceTensor::operator=(DeviceTensor&& o) noexcept {
    uint8_t kept[sizeof(DeviceTensor)];                         // plain data but for its destructor
    memcpy(kept, static_cast<void*>(this), sizeof kept);
    memcpy(static_cast<void*>(this), static_cast<const void*>(&o), sizeof kept);
    memcpy(static_cast<void*>(&o), kept, sizeof kept);
    return *this;
}
Status DeviceTensor::view(const void* d, size_t r, size_t c, DType type, QuantType q) {
    DeviceTensor t;
    if (!d) return impl::invalid("null pointer for a tensor");
    if (Status s = impl::describe(&t, r, c, type, q); !s) return s;
    const size_t each = type == DType::f32 ? 4 : type == DType::blocks ? 1 : 2;
    if (reinterpret_cast<uintptr_t>(d) % each) return impl::invalid("a tensor must be aligned to its elements");
    t.data = const_cast<void*>(d);
    *this = static_cast<DeviceTensor&&>(t);
    return impl::success;
}
Status DeviceTensor::allocate(size_t r, size_t c, DType type, QuantType q, DeviceKind where, const DeviceHooks* h) {
    DeviceTensor t;
    if (Status s = impl::describe(&t, r, c, type, q); !s) return s;
    if (where != DeviceKind::cpu) {
        if (!h) return impl::no_hooks;
        t.data = h->allocate(h->user, t.bytes);
    } else if (void* const block = t.bytes < SIZE_MAX - 128 ? GLLM_KERNELS_MALLOC(t.bytes + 128) : nullptr) {
        const uintptr_t behind = reinterpret_cast<uintptr_t>(block) + sizeof block;
        t.data = reinterpret_cast<void*>((behind + 63) & ~static_cast<uintptr_t>(63));
        memcpy(static_cast<uint8_t*>(t.data) - sizeof block, &block, sizeof block);
    }
    if (!t.data) return {Code::out_of_memory, "no memory for a tensor"};
    t.owned  = true;
    t.device = where;
    t.hooks  = h;
    *this = static_cast<DeviceTensor&&>(t);
    return impl::success;
}

namespace impl {
static inline Status from_floats(const DeviceTensor& t, const float* x, void* to) {
    switch (t.dtype) {
        case DType::f32:  memcpy(to, x, t.bytes); break;
        case DType::f16:  CpuKernels<f16>().table().narrow(x, static_cast<f16*>(to), t.elements); break;
        case DType::bf16: CpuKernels<bf16>().table().narrow(x, static_cast<bf16*>(to), t.elements); break;
        case DType::blocks: return CpuKernels<float>().quantize(t.quant, x, t.rows, t.cols, nullptr, to);
    }
    return success;
}
static inline Status to_floats(const DeviceTensor& t, const void* from, float* out) {
    switch (t.dtype) {
        case DType::f32:  memcpy(out, from, t.bytes); break;
        case DType::f16:  CpuKernels<f16>().table().widen(static_cast<const f16*>(from), out, t.elements); break;
        case DType::bf16: CpuKernels<bf16>().table().widen(static_cast<const bf16*>(from), out, t.elements); break;
        case DType::blocks: return CpuKernels<float>().dequant(t.quant, from, out, t.elements);
    }
    return success;
}
/// The bytes of a device's tensor, here.
class Staged {
public:
    explicit Staged(size_t bytes) : data(GLLM_KERNELS_MALLOC(bytes)) {}
    ~Staged() { if (data) GLLM_KERNELS_FREE(data); }
    Staged(const Staged&) = delete;
    Staged& operator=(const Staged&) = delete;
    void* const data;
};
}

Status DeviceTensor::upload_f32(const float* x, size_t n) {
    if (!data || n != elements || !x) return impl::invalid("as many numbers as the tensor has elements are needed");
    if (device == DeviceKind::cpu) return impl::from_floats(*this, x, data);
    if (!hooks) return impl::no_hooks;
    const impl::Staged stage(bytes);
    if (!stage.data) return impl::no_stage;
    if (Status s = impl::from_floats(*this, x, stage.data); !s) return s;
    if (!hooks->upload(hooks->user, data, stage.data, bytes)) return {Code::runtime_error, "the device took no data"};
    return impl::success;
}
Status DeviceTensor::download_f32(float* out, size_t n) const {
    if (!data || n != elements || !out) return impl::invalid("as many numbers as the tensor has elements are needed");
    if (device == DeviceKind::cpu) return impl::to_floats(*this, data, out);
    if (!hooks) return impl::no_hooks;
    const impl::Staged stage(bytes);
    if (!stage.data) return impl::no_stage;
    if (!hooks->download(hooks->user, stage.data, data, bytes)) return {Code::runtime_error, "the device gave no data"};
    return impl::to_floats(*this, stage.data, out);
}

// ---- positions --------------------------------------------------------------

namespace impl {

GK_INL double clamped(double x)       { return fmin(1, fmax(0, x)); }
GK_INL bool   finite_above_0(double x) { return x > 0 && x - x == 0; }

/// Radians a position for each pair of a head, and the factor of its sine and cosine.
static inline double rope_frequencies(const RopeConfig& r, size_t context, double* frequency) {
    const double turn = 6.283185307179586, n = static_cast<double>(r.n_rot);
    const double original = static_cast<double>(r.original_context);
    const double stretch = static_cast<double>(context) / (original > 0 ? original : 1);
    const bool   widens = r.scaling == RopeScaling::dynamic && stretch > 1 && n > 2;
    const double wider = widens ? pow(r.factor * stretch - (r.factor - 1), n / (n - 2)) : 1;
    const double base = r.base * wider;
    const auto   pair_of = [&](double turns) {                  // the one that turns so often
        return n * log(original / (turns * turn)) / (2 * log(base));
    };
    const double first = fmax(0, floor(pair_of(r.beta_fast))), last = fmin(n - 1, ceil(pair_of(r.beta_slow)));
    const float* const chosen  = stretch > 1 ? r.long_factors : r.short_factors;
    const float* const factors = r.factors ? r.factors : r.scaling == RopeScaling::longrope ? chosen : nullptr;
    for (size_t i = 0; i < r.n_rot / 2; i++) {
        double f = pow(base, -2 * static_cast<double>(i) / n), keep = 1;
        if (factors) f /= static_cast<double>(factors[i]);
        if (r.scaling == RopeScaling::linear) keep = 0;
        if (r.scaling == RopeScaling::yarn)
            keep = 1 - clamped((static_cast<double>(i) - first) / fmax(0.001, last - first));
        if (r.scaling == RopeScaling::llama3)
            keep = clamped((original * f / turn - r.low_freq_factor) / (r.high_freq_factor - r.low_freq_factor));
        frequency[i] = f * ((1 - keep) / r.factor + keep);
    }
    return r.magnitude * (r.scaling == RopeScaling::yarn ? 1 + 0.1 * log(r.factor) : 1);
}
static inline Status check_rope(const RopeConfig& r, size_t head_dim) {
    if (r.n_rot == 0) return success;
    if (r.n_rot > head_dim || r.n_rot % 2) return invalid("rope.n_rot must be even and at most head_dim");
    if (!finite_above_0(r.base) || !finite_above_0(r.factor) || !finite_above_0(r.magnitude))
        return invalid("rope: base, factor and magnitude must be finite and above 0");
    const float* const lists[] = {r.factors, r.long_factors, r.short_factors};
    for (const float* list : lists)
        for (size_t i = 0; list && i < r.n_rot / 2; i++)
            if (!finite_above_0(static_cast<double>(list[i])))
                return invalid("rope: factors must be finite and above 0");
    switch (r.scaling) {
        case RopeScaling::none:
        case RopeScaling::linear: return success;
        case RopeScaling::dynamic: break;
        case RopeScaling::yarn:
            if (!(r.beta_fast > 0) || !(r.beta_slow > 0))
                return invalid("rope: beta_fast and beta_slow must be above 0");
            if (!(r.base > 1)) return invalid("rope.base must be above 1 for yarn");
            break;
        case RopeScaling::llama3:
            if (!(r.high_freq_factor > r.low_freq_factor))
                return invalid("rope.high_freq_factor must exceed low_freq_factor");
            break;
        case RopeScaling::longrope:
            if (!r.factors && (!r.long_factors || !r.short_factors))
                return invalid("rope: longrope needs both lists of factors");
            break;
        default: return invalid("rope.scaling is not one of the values of RopeScaling");
    }
    return r.original_context ? success : invalid("rope.original_context is needed for this scaling");
}

} // namespace impl

// ---- the model --------------------------------------------------------------
//
// x is the residual stream, [tokens of a batch][width]:
//
//   x = embedding (+ positions)
//   each layer:  h = norm(x);  q, k, v = h W (+ b);  (norms of heads);  rope;  append to the cache
//                a = attention W (+ b)
//                x += (norm) a;  h = norm(x), or the same h where both are parallel
//                x += (norm) ((act(h W_gate) or nothing) * h W_up, or act(h W_up)) W_down (+ b)
//   logits = cap(norm(x) W)

namespace impl { class Taker; }

struct GK_HIDDEN Model::State {
    struct Matrix {
        const uint8_t* data = nullptr;
        DType          dtype = DType::f32;
        QuantType      quant = QuantType::Q8_0;
        size_t         rows = 0, cols = 0, row_bytes = 0;
        const float*   bias = nullptr;
    };
    struct Norm { const float *weight = nullptr, *bias = nullptr; };
    struct Layer {
        Norm   attn_norm, ffn_norm, q_norm, k_norm, post_attn_norm, post_ffn_norm;
        Matrix q, k, v, out, gate, up, down;
    };

    const ModelConfig& config;
    CpuKernels<float>  kernels;
    ModelOptions       options;
    Matrix             embedding, positions, lm_head;
    Norm               final_norm;
    Layer*             layers = nullptr;
    double            *frequency[2] = {}, magnitude[2] = {};    // of config.rope and local_rope
    size_t            *position = nullptr;                      // of each token of a batch
    float             *x = nullptr, *h = nullptr, *q = nullptr, *key = nullptr, *value = nullptr;
    float             *gate = nullptr, *up = nullptr;
    float             *turn[2] = {}, *part = nullptr;           // [batch][cos, sin][n_rot / 2]
    void              *memory = nullptr, *work = nullptr, *prepared = nullptr;
    size_t             work_bytes = 0, prepared_bytes = 0;

    explicit State(const ModelConfig& c) : config(c) {}
    ~State() {
        void* const all[] = {memory, work, prepared};
        for (void* p : all)
            if (p) GLLM_KERNELS_FREE(p);
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    size_t q_width() const  { return config.heads * config.head_dim; }
    size_t kv_width() const { return config.kv_heads * config.head_dim; }
    bool   slides(size_t layer) const {
        return config.window && (!config.window_pattern || (layer + 1) % config.window_pattern != 0);
    }
    Status room(size_t bytes);
    Status rows(const Matrix& w, size_t first, size_t count, float* out) const;
    Status prepare(const Matrix& w, const float* in, size_t m);
    Status multiply(const Matrix& w, const float* in, float* out, size_t m, bool ready = false);
    void   normalise(const Norm& n, const float* in, float* out, size_t rows, size_t width) const;
    void   add(const Norm& post, size_t m);
    void   turn_heads(float* heads, size_t count, size_t token, bool local) const;
    void   place(size_t m);
    Status embed(const BatchToken* tokens, size_t m);
    Status attend(KvCache& cache, const BatchToken* tokens, size_t m, size_t layer);
    Status feed_forward(const Layer& l, size_t m);
    Status allocate(size_t* bytes);
    void   take(impl::Taker& in, const ModelWeights& weights);
    void   take_layer(impl::Taker& in, const LayerWeights& w, Layer& l) const;
    Status forward(KvCache& cache, const BatchToken* tokens, size_t m, float** logits);
};

/// At least so many bytes in a buffer.
static Status grow(void** data, size_t* have, size_t bytes) {
    if (bytes <= *have) return impl::success;
    void* const more = GLLM_KERNELS_MALLOC(bytes + bytes / 2);
    if (!more) return {Code::out_of_memory, "no memory for scratch"};
    if (*data) GLLM_KERNELS_FREE(*data);
    *data = more;
    *have = bytes + bytes / 2;
    return impl::success;
}
Status Model::State::room(size_t bytes) {
    if (Status s = grow(&work, &work_bytes, bytes); !s) return s;
    kernels.workspace.data  = work;
    kernels.workspace.bytes = work_bytes;
    return impl::success;
}

Status Model::State::rows(const Matrix& w, size_t first, size_t count, float* out) const {
    DeviceTensor t;
    if (Status s = t.view(w.data + first * w.row_bytes, count, w.cols, w.dtype, w.quant); !s) return s;
    return impl::to_floats(t, t.data, out);
}

/// For several matrices: what blocks make of the input first.
Status Model::State::prepare(const Matrix& w, const float* in, size_t m) {
    if (w.dtype != DType::blocks) return impl::success;
    const size_t bytes = kernels.prepared_bytes(w.quant, m, w.cols, options.precision);
    if (Status s = grow(&prepared, &prepared_bytes, bytes); !s) return s;
    return kernels.prepare(w.quant, in, m, w.cols, prepared, options.precision);
}
/// `ready`: prepare() was called for this input, and for a matrix of blocks.
Status Model::State::multiply(const Matrix& w, const float* in, float* out, size_t m, bool ready) {
    const bool blocks = w.dtype == DType::blocks;
    if (Status s = room(blocks ? kernels.matmul_workspace_bytes(w.quant, m, w.rows, w.cols, options.precision)
                               : kernels.gemm_workspace_bytes(m, w.rows, w.cols)); !s) return s;
    if (options.watch) options.watch(options.user, w.data, in, m, w.cols);
    Status s = impl::success;
    switch (w.dtype) {
        case DType::blocks:
            s = ready ? kernels.matmul_prepared(w.quant, w.data, in, prepared, out, m, w.rows, w.cols,
                                                options.precision)
                      : kernels.matmul(w.quant, w.data, in, out, m, w.rows, w.cols, options.precision);
            break;
        case DType::f32:
            s = kernels.gemm_mixed(in, reinterpret_cast<const float*>(w.data), out, m, w.rows, w.cols);
            break;
        case DType::f16:
            s = kernels.gemm_mixed(in, reinterpret_cast<const f16*>(w.data), out, m, w.rows, w.cols);
            break;
        case DType::bf16:
            s = kernels.gemm_mixed(in, reinterpret_cast<const bf16*>(w.data), out, m, w.rows, w.cols);
            break;
    }
    for (size_t i = 0; s && w.bias && i < m; i++) kernels.vec_add(out + i * w.rows, w.bias, out + i * w.rows, w.rows);
    return s;
}

void Model::State::normalise(const Norm& n, const float* in, float* out, size_t count, size_t width) const {
    if (config.norm == NormType::rms) kernels.rms_norm_rows(in, n.weight, out, count, width, config.epsilon);
    else                              kernels.layer_norm_rows(in, n.weight, n.bias, out, count, width, config.epsilon);
}

/// x += h, or its norm.
void Model::State::add(const Norm& post, size_t m) {
    if (post.weight) normalise(post, h, h, m, config.width);
    kernels.vec_add(x, h, x, m * config.width);
}

void Model::State::turn_heads(float* heads, size_t count, size_t token, bool local) const {
    const RopeConfig& r = local ? config.local_rope : config.rope;
    const float* const cosines = turn[local] + token * r.n_rot;
    if (r.n_rot) kernels.rope(heads, cosines, cosines + r.n_rot / 2, count, config.head_dim, r.style, r.n_rot);
}

/// Sines and cosines of the positions.
void Model::State::place(size_t m) {
    for (int local = 0; local < 2; local++) {
        const size_t pairs = (local ? config.local_rope : config.rope).n_rot / 2;
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < pairs; j++) {
                const double angle = static_cast<double>(position[i]) * frequency[local][j];
                float* const at = turn[local] + 2 * i * pairs + j;
                at[0]     = static_cast<float>(magnitude[local] * cos(angle));
                at[pairs] = static_cast<float>(magnitude[local] * sin(angle));
            }
    }
}

Status Model::State::embed(const BatchToken* tokens, size_t m) {
    for (size_t i = 0; i < m; i++) {
        float* const row = x + i * config.width;
        if (Status s = rows(embedding, static_cast<size_t>(tokens[i].id), 1, row); !s) return s;
        if (config.embedding_scale < 1 || config.embedding_scale > 1)
            kernels.vec_scale(row, config.embedding_scale, config.width);
        if (!positions.data) continue;
        if (Status s = rows(positions, position[i], 1, h); !s) return s;
        kernels.vec_add(row, h, row, config.width);
    }
    return impl::success;
}

/// h becomes what attention adds to x. Tokens of a sequence that follow one another are one call.
Status Model::State::attend(KvCache& cache, const BatchToken* tokens, size_t m, size_t layer) {
    const Layer& l = layers[layer];
    const bool   local = slides(layer) && config.local_rope.n_rot;
    const bool   ready = l.q.dtype == DType::blocks;
    if (Status s = prepare(l.q, h, m); !s) return s;
    if (Status s = multiply(l.q, h, q, m, ready); !s) return s;
    if (Status s = multiply(l.k, h, key, m, ready); !s) return s;
    if (Status s = multiply(l.v, h, value, m, ready); !s) return s;
    if (l.q_norm.weight) normalise(l.q_norm, q, q, m * config.heads, config.head_dim);
    if (l.k_norm.weight) normalise(l.k_norm, key, key, m * config.kv_heads, config.head_dim);
    for (size_t i = 0; i < m; i++) {
        turn_heads(q + i * q_width(), config.heads, i, local);
        turn_heads(key + i * kv_width(), config.kv_heads, i, local);
    }
    for (size_t i = 0, n; i < m; i += n) {
        for (n = 1; i + n < m && tokens[i + n].seq == tokens[i].seq;) n++;
        const size_t at = i * kv_width();
        if (Status s = cache.append(tokens[i].seq, layer, key + at, value + at, n); !s) return s;
        AttentionArgs<float> a;
        a.q        = q + i * q_width();
        a.out      = q + i * q_width();
        a.m        = n;
        a.heads    = config.heads;
        a.kv       = cache.view(tokens[i].seq, layer);
        a.position = position[i];
        a.window   = slides(layer) ? config.window : 0;
        a.scale    = config.attention_scale;
        a.softcap  = config.attention_softcap;
        const size_t needed = kernels.attention_workspace_bytes(n, config.heads, config.kv_heads, config.head_dim,
                                                                a.kv.length);
        if (Status s = room(needed); !s) return s;
        if (Status s = kernels.attention(a); !s) return s;
    }
    return multiply(l.out, q, h, m);
}

/// h becomes what the feed-forward part adds to x.
Status Model::State::feed_forward(const Layer& l, size_t m) {
    const size_t n = m * config.hidden;
    const bool   ready = l.gate.data && l.up.dtype == DType::blocks;
    float* const acted = l.gate.data ? gate : up;
    if (ready)
        if (Status s = prepare(l.up, h, m); !s) return s;
    if (Status s = multiply(l.up, h, up, m, ready); !s) return s;
    if (l.gate.data)
        if (Status s = multiply(l.gate, h, gate, m, ready); !s) return s;
    if (l.gate.data && config.activation == Activation::silu) {
        kernels.swiglu(gate, up, up, n);
    } else {
        if (config.activation == Activation::silu) kernels.silu(acted, acted, n);
        else                                       kernels.gelu(acted, acted, n);
        if (l.gate.data) kernels.vec_mul(gate, up, up, n);
    }
    return multiply(l.down, up, h, m);
}

/// m tokens, at most a batch, through all layers. Logits go to *logits, which moves on.
Status Model::State::forward(KvCache& cache, const BatchToken* tokens, size_t m, float** logits) {
    const size_t width = config.width;
    if (Status s = embed(tokens, m); !s) return s;
    place(m);
    for (size_t i = 0; i < config.layers; i++) {
        const Layer& l = layers[i];
        normalise(l.attn_norm, x, h, m, width);
        if (config.parallel) memcpy(part, h, m * width * sizeof(float));
        if (Status s = attend(cache, tokens, m, i); !s) return s;
        add(l.post_attn_norm, m);
        if (config.parallel) memcpy(h, part, m * width * sizeof(float));
        else                 normalise(l.ffn_norm, x, h, m, width);
        if (Status s = feed_forward(l, m); !s) return s;
        add(l.post_ffn_norm, m);
    }
    size_t wanted = 0;
    for (size_t i = 0; i < m; i++)
        if (tokens[i].logits) normalise(final_norm, x + i * width, h + wanted++ * width, 1, width);
    if (wanted == 0) return impl::success;
    if (Status s = multiply(lm_head, h, *logits, wanted); !s) return s;
    const size_t n = wanted * config.vocabulary;
    if (const float cap = config.final_softcap; cap > 0) {
        kernels.vec_scale(*logits, 1 / cap, n);
        kernels.tanh(*logits, *logits, n);
        kernels.vec_scale(*logits, cap, n);
    }
    *logits += n;
    return impl::success;
}

Model::~Model() {
    if (!state_) return;
    state_->~State();
    GLLM_KERNELS_FREE(state_);
}

Status Model::fail(const Status& status, const char* name, size_t requested, size_t available) {
    error_ = InferenceError();
    error_.status    = status;
    error_.requested = requested;
    error_.available = available;
    for (size_t i = 0; name[i] && i + 1 < sizeof error_.name; i++) error_.name[i] = name[i];
    return status;
}

namespace impl {

/// The first of as few parts of n > 0 as `most` allows, as equal as can be: with most from 48 on none that [8] takes
/// for few rows.
static inline size_t first_part(size_t n, size_t most) {
    const size_t parts = n / most + (n % most != 0);
    return n / parts + (n % parts != 0);
}

/// Takes tensors of the weights, checked; the first that is wrong is told by name.
class Taker {
public:
    Taker(InferenceError* error) : error_(error) {}
    bool layer = false;
    size_t number = 0;

    bool ok() const { return static_cast<bool>(error_->status); }
    void complain(const char* name, Code code, const char* what, size_t requested = 0, size_t available = 0) {
        if (!ok()) return;
        error_->status = {code, what};
        error_->requested = requested;
        error_->available = available;
        char* p = error_->name;
        if (layer) {
            for (const char* c = "layer "; *c; c++) *p++ = *c;
            char  digits[20];
            int   count = 0;
            for (size_t n = number; n || !count; n /= 10) digits[count++] = static_cast<char>('0' + n % 10);
            while (count) *p++ = digits[--count];
            for (const char* c = ": "; *c; c++) *p++ = *c;
        }
        while (*name) *p++ = *name++;
        for (const char* c = suffix_; *c; c++) *p++ = *c;
        *p = 0;
    }
    bool sound(const DeviceTensor& t, const char* name, size_t rows, size_t cols, bool optional) {
        if (!t) {
            if (!optional) complain(name, Code::invalid_argument, "a tensor is missing");
            return false;
        }
        const auto wrong = [&](const char* what, size_t asked, size_t has) {
            complain(name, Code::invalid_argument, what, asked, has);
        };
        if (t.device != DeviceKind::cpu) complain(name, Code::unsupported, "a tensor is not in the memory of the CPU");
        else if (t.cols != cols) wrong("a tensor has another number of columns than the model asks for", cols, t.cols);
        else if (t.rows != rows) wrong("a tensor has another number of rows than the model asks for", rows, t.rows);
        return ok();
    }
    const float* vector(const DeviceTensor& t, const char* name, size_t n, bool optional = false) {
        if (!sound(t, name, 1, n, optional)) return nullptr;
        if (!t.as<float>()) complain(name, Code::unsupported, "a vector must be f32");
        return t.as<float>();
    }
    const float* bias(const DeviceTensor& t, const char* of, size_t n, bool optional) {
        suffix_ = "_bias";
        const float* const v = vector(t, of, n, optional);
        suffix_ = "";
        return v;
    }
    template <class Matrix>
    Matrix matrix(const DeviceTensor& t, const char* name, size_t rows, size_t cols, bool optional = false) {
        Matrix m;
        if (!sound(t, name, rows, cols, optional)) return m;
        m.data      = static_cast<const uint8_t*>(t.data);
        m.dtype     = t.dtype;
        m.quant     = t.quant;
        m.rows      = rows;
        m.cols      = cols;
        m.row_bytes = dtype_row_bytes(t.dtype, t.quant, cols);
        return m;
    }
    template <class Norm> Norm norm(const DeviceTensor& w, const DeviceTensor& b, const char* name, size_t n,
                                    NormType type, bool optional = false) {
        Norm r;
        r.weight = vector(w, name, n, optional);
        r.bias   = type == NormType::layer ? bias(b, name, n, optional) : nullptr;
        return r;
    }
private:
    InferenceError* error_;
    const char*     suffix_ = "";
};

static inline Status check_config(const ModelConfig& c, const ModelOptions& o) {
    const size_t most = size_t(1) << 28;
    const size_t sizes[] = {c.layers, c.width, c.heads, c.kv_heads, c.hidden, c.vocabulary, c.context, o.batch};
    for (size_t n : sizes)
        if (n == 0 || n > most)
            return invalid("layers, width, heads, kv_heads, hidden, vocabulary, context and batch must be 1 to 2^28");
    if (c.head_dim == 0 || c.head_dim % 8 || c.head_dim > 576)
        return invalid("head_dim must be a multiple of 8 up to 576");
    if (c.heads % c.kv_heads) return invalid("heads must be a multiple of kv_heads");
    if (c.layers > 65536 || c.heads > 65536) return invalid("layers and heads must be at most 65536");
    if (c.activation != Activation::silu && c.activation != Activation::gelu)
        return invalid("activation must be silu or gelu");
    if (c.norm > NormType::layer)        return invalid("norm is not one of the values of NormType");
    if (o.precision > Precision::fast)   return invalid("precision is not one of the values of Precision");
    if (!(c.epsilon >= 0)) return invalid("epsilon must not be negative");
    const float factors[] = {c.embedding_scale, c.attention_scale, c.attention_softcap, c.final_softcap, c.epsilon};
    for (float v : factors)
        if (!(v - v == 0)) return invalid("scales, caps and epsilon must be finite");
    if (c.attention_softcap < 0 || c.final_softcap < 0) return invalid("caps must not be negative");
    if (Status s = check_rope(c.rope, c.head_dim); !s) return s;
    return check_rope(c.local_rope, c.head_dim);
}

/// Hands out parts of one allocation, in two rounds: the first counts.
class Carver {
public:
    explicit Carver(void* memory) : at_(static_cast<uint8_t*>(memory)) {}
    template <class T> void take(T** p, size_t a, size_t b = 1) {
        bytes_ += (static_cast<double>(a) * static_cast<double>(b) * sizeof(T) + 127);
        if (!at_) return;
        at_ = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(at_) + 63) & ~static_cast<uintptr_t>(63));
        *p  = reinterpret_cast<T*>(at_);
        at_ += a * b * sizeof(T);
    }
    double bytes() const { return bytes_; }
private:
    uint8_t* at_;
    double   bytes_ = 0;
};

} // namespace impl

/// Memory for a batch and for what is known of positions; bytes: as much as was asked for.
Status Model::State::allocate(size_t* bytes) {
    const size_t m = options.batch;
    for (int round = 0; round < 2; round++) {
        impl::Carver parts(memory);
        parts.take(&layers, config.layers);
        parts.take(&frequency[0], config.rope.n_rot / 2);
        parts.take(&frequency[1], config.local_rope.n_rot / 2);
        parts.take(&turn[0], m, config.rope.n_rot);
        parts.take(&turn[1], m, config.local_rope.n_rot);
        parts.take(&position, m);
        parts.take(&x, m, config.width);
        parts.take(&h, m, config.width);
        parts.take(&part, config.parallel ? m : 0, config.width);
        parts.take(&q, m, q_width());
        parts.take(&key, m, kv_width());
        parts.take(&value, m, kv_width());
        parts.take(&gate, m, config.hidden);
        parts.take(&up, m, config.hidden);
        if (round) break;
        if (parts.bytes() > static_cast<double>(SIZE_MAX) / 2)
            return impl::invalid("a batch of this size has no address");
        *bytes = static_cast<size_t>(parts.bytes());
        memory = GLLM_KERNELS_MALLOC(*bytes);
        if (!memory) return {Code::out_of_memory, "no memory for the activations of a batch"};
    }
    magnitude[0] = impl::rope_frequencies(config.rope, config.context, frequency[0]);
    magnitude[1] = impl::rope_frequencies(config.local_rope, config.context, frequency[1]);
    return impl::success;
}

void Model::State::take_layer(impl::Taker& in, const LayerWeights& w, Layer& l) const {
    const size_t width = config.width, hidden = config.hidden;
    const auto matrix = [&](const DeviceTensor& t, const DeviceTensor& bias, const char* name, size_t rows, size_t cols,
                            bool optional = false) {
        Matrix r = in.matrix<Matrix>(t, name, rows, cols, optional);
        r.bias = in.bias(bias, name, rows, true);
        return r;
    };
    l.attn_norm = in.norm<Norm>(w.attn_norm, w.attn_norm_bias, "attn_norm", width, config.norm);
    l.q    = matrix(w.q, w.q_bias, "q", q_width(), width);
    l.k    = matrix(w.k, w.k_bias, "k", kv_width(), width);
    l.v    = matrix(w.v, w.v_bias, "v", kv_width(), width);
    l.out  = matrix(w.out, w.out_bias, "out", width, q_width());
    l.gate = matrix(w.gate, w.gate_bias, "gate", hidden, width, true);
    l.up   = matrix(w.up, w.up_bias, "up", hidden, width);
    l.down = matrix(w.down, w.down_bias, "down", width, hidden);
    if (!config.parallel) l.ffn_norm = in.norm<Norm>(w.ffn_norm, w.ffn_norm_bias, "ffn_norm", width, config.norm);
    const DeviceTensor none;                                    // these norms have no bias in any architecture
    l.q_norm = in.norm<Norm>(w.q_norm, none, "q_norm", config.head_dim, NormType::rms, true);
    l.k_norm = in.norm<Norm>(w.k_norm, none, "k_norm", config.head_dim, NormType::rms, true);
    l.post_attn_norm = in.norm<Norm>(w.post_attn_norm, none, "post_attn_norm", width, NormType::rms, true);
    l.post_ffn_norm  = in.norm<Norm>(w.post_ffn_norm, none, "post_ffn_norm", width, NormType::rms, true);
    if (config.norm == NormType::layer && (w.q_norm || w.k_norm || w.post_attn_norm || w.post_ffn_norm))
        in.complain("q_norm", Code::unsupported, "further norms are for models of RMS norms");
}
void Model::State::take(impl::Taker& in, const ModelWeights& weights) {
    const size_t width = config.width, vocabulary = config.vocabulary;
    embedding    = in.matrix<Matrix>(weights.embedding, "embedding", vocabulary, width);
    positions    = in.matrix<Matrix>(weights.positions, "positions", config.context, width, true);
    final_norm   = in.norm<Norm>(weights.final_norm, weights.final_norm_bias, "final_norm", width, config.norm);
    lm_head      = weights.lm_head ? in.matrix<Matrix>(weights.lm_head, "lm_head", vocabulary, width) : embedding;
    lm_head.bias = in.bias(weights.lm_head_bias, "lm_head", vocabulary, true);
    in.layer = true;
    for (in.number = 0; in.number < config.layers && in.ok(); in.number++)
        take_layer(in, weights.layers[in.number], *new (layers + in.number) Layer());
}

Status Model::init(const ModelConfig& config, const ModelWeights& weights, const ModelOptions& options) {
    if (Status s = impl::check_config(config, options); !s) return fail(s);
    if (!weights.layers) return fail(impl::invalid("null pointer for layers"));
    void* const place = GLLM_KERNELS_MALLOC(sizeof(State));
    if (!place) return fail({Code::out_of_memory, "no memory for a model"}, "", sizeof(State));
    if (state_) { state_->~State(); GLLM_KERNELS_FREE(state_); }
    config_ = config;
    state_  = new (place) State(config_);
    const auto refuse = [&](const Status& s, size_t requested) {
        state_->~State();
        GLLM_KERNELS_FREE(state_);
        state_ = nullptr;
        return fail(s, "", requested);
    };
    size_t bytes = 0;
    if (Status s = state_->kernels.select(options.isa); !s) return refuse(s, 0);
    state_->kernels.parallel = options.parallel;
    state_->options = options;
    if (Status s = state_->allocate(&bytes); !s) return refuse(s, bytes);

    error_ = InferenceError();
    impl::Taker in(&error_);
    state_->take(in, weights);
    if (in.ok()) return impl::success;
    const InferenceError error = error_;
    refuse(error.status, 0);
    error_ = error;
    return error.status;
}

KvCacheConfig Model::cache_config(size_t tokens, CacheType type, size_t sequences) const {
    KvCacheConfig c;
    c.layers     = config_.layers;
    c.kv_heads   = config_.kv_heads;
    c.head_dim   = config_.head_dim;
    c.sequences  = sequences;
    c.key_type   = c.value_type = type;
    const size_t pages = tokens / impl::PAGE_TOKENS + (tokens % impl::PAGE_TOKENS != 0);
    if (!impl::times(pages, sequences * config_.layers, &c.pages)) c.pages = SIZE_MAX;
    return c;
}

/// After a batch failed at its m tokens from `begin`: every sequence as long as before the first.
void Model::undo(KvCache& cache, const Batch& batch, size_t begin, size_t m) {
    const auto occurs = [&](uint32_t seq, size_t from, size_t to) {
        while (from < to && batch.tokens[from].seq != seq) from++;
        return from;
    };
    for (size_t i = 0; i < begin + m; i++) {
        const uint32_t seq = batch.tokens[i].seq;
        if (occurs(seq, 0, i) != i) continue;                   // done already
        const size_t at = occurs(seq, begin, begin + m);
        size_t before = at < begin + m ? state_->position[at - begin] : cache.length(seq);
        for (size_t j = i; j < begin; j++) before -= batch.tokens[j].seq == seq;
        cache.truncate(seq, before);
    }
}

Status Model::decode(KvCache& cache, const Batch& batch, float* logits) {
    if (!state_) return fail(impl::invalid("the model was not initialised"));
    State& st = *state_;
    error_ = InferenceError();
    const KvCacheConfig& c = cache.config();
    if (c.layers != config_.layers || c.kv_heads != config_.kv_heads || c.head_dim != config_.head_dim)
        return fail(impl::invalid("the cache is of other layers or heads than the model"));
    if (batch.count && !batch.tokens) return fail(impl::invalid("null pointer for tokens"));
    for (size_t i = 0; i < batch.count; i++) {
        const BatchToken& t = batch.tokens[i];
        if (t.id < 0 || static_cast<size_t>(t.id) >= config_.vocabulary)
            return fail(impl::invalid("a token must be below the vocabulary's size"), "", i, config_.vocabulary);
        if (t.seq >= c.sequences)
            return fail(impl::invalid("a token's sequence is not of the cache"), "", t.seq, c.sequences);
        if (t.logits && !logits) return fail(impl::invalid("null pointer for logits"));
    }
    for (size_t begin = 0, m; begin < batch.count; begin += m) {
        const BatchToken* const tokens = batch.tokens + begin;
        m = impl::first_part(batch.count - begin, st.options.batch);
        Status s = impl::success;
        for (size_t i = 0; i < m; i++) {
            const bool follows = i && tokens[i].seq == tokens[i - 1].seq;
            st.position[i] = follows ? st.position[i - 1] + 1 : cache.length(tokens[i].seq);
            for (size_t j = 0; !follows && j < i; j++) st.position[i] += tokens[j].seq == tokens[i].seq;
            if (st.position[i] >= config_.context)
                s = fail(impl::invalid("the text is longer than the model's context"), "", st.position[i] + 1,
                         config_.context);
        }
        if (s) s = st.forward(cache, tokens, m, &logits);
        if (s) continue;
        const bool of_cache = cache.error().status.what == s.what;
        if (error_.status)
            fail(s, "", of_cache ? cache.error().requested : 0, of_cache ? cache.error().available : 0);
        undo(cache, batch, begin, m);
        return s;
    }
    return impl::success;
}

GK_NAMESPACE_END
#endif

// ============================================================================
// [24] TRACES: what each operation computes, recorded by the operations themselves
// ============================================================================
//
// One more pass over [9] and [10]: its vectors are numbers of recorded operations, its primitives append one operation
// each, and its loops call a functor or term once. What is computed of constants alone is a constant, as the scalar set
// computes it; what was computed before in the same stage is not recorded again.

#ifdef GLLM_KERNELS_COMPILER
GK_NAMESPACE_BEGIN
namespace impl {

GK_INTERNAL void* list_memory(void* p, size_t bytes, size_t kept) {
    void* const more = bytes ? GLLM_KERNELS_MALLOC(bytes) : nullptr;
    if (more && kept) memcpy(more, p, kept);
    if (p && (more || !bytes)) GLLM_KERNELS_FREE(p);
    return more;
}

GK_INL TraceNumber constant_of(TraceType type, uint64_t bits) { return {nullptr, 0, type, bits}; }
GK_INL TraceNumber constant_of(float v)            { return constant_of(TraceType::f32, f32_bits(v)); }
GK_INL TraceNumber constant_of(double v)           { return constant_of(TraceType::f64, load_as<uint64_t>(&v)); }
GK_INL float   float_of(const TraceNumber& n)      { return f32_from_bits(static_cast<uint32_t>(n.bits)); }
GK_INL double  double_of(const TraceNumber& n)     { return load_as<double>(&n.bits); }
GK_INL int32_t int_of(const TraceNumber& n)        { return static_cast<int32_t>(static_cast<uint32_t>(n.bits)); }

struct Recorder {
    OpTrace* trace;
    bool     failed, wanted;                                    // for want of memory; for what is recorded now
    int32_t  when;
    uint64_t stored;                                            // tensors stored to in this stage: bits

    int32_t size() const { return static_cast<int32_t>(trace->ops.size()); }
    TraceStage& last()   { return trace->stages[trace->stages.size() - 1]; }

    /// The next operations belong to another stage.
    void open(TraceLoop loop, size_t steps = 0) {
        const TraceStage s = {loop, wanted, static_cast<uint16_t>(steps), when, size(), size()};
        stored = 0;
        if (trace->stages.size() && last().begin == last().end) last() = s;
        else failed |= !trace->stages.push(s);
    }
    int32_t argument(const TraceNumber& n) {
        if (n.type == TraceType::none) return no_arg;
        if (n.to) return n.number;
        for (size_t i = 0; i < trace->constants.size(); i++)
            if (trace->constants[i].type == n.type && trace->constants[i].bits == n.bits)
                return ~static_cast<int32_t>(i);
        failed |= !trace->constants.push({n.type, n.bits});
        return -static_cast<int32_t>(trace->constants.size());
    }
    static bool same(const TraceOp& a, const TraceOp& b) {
        return a.code == b.code && a.type == b.type && a.index == b.index && a.arg[0] == b.arg[0] &&
               a.arg[1] == b.arg[1] && a.arg[2] == b.arg[2];
    }
    bool once_each(const TraceOp& op) const {
        return op.code == TraceCode::store || op.code == TraceCode::accumulator ||
            (op.code == TraceCode::load && (stored >> op.index & 1));
    }
    TraceNumber append(const TraceOp& op) {
        if (failed) return {this, 0, op.type, 0};
        for (int32_t i = last().begin; i < size() && !once_each(op); i++)
            if (same(trace->ops[static_cast<size_t>(i)], op)) return {this, i, op.type, 0};
        if (op.code == TraceCode::store) stored |= uint64_t(1) << op.index;
        failed |= !trace->ops.push(op);
        last().end = size();
        return {this, size() - 1, op.type, 0};
    }
};

static inline uint64_t computed_f32(TraceCode code, float a, float b, float c) {
    switch (code) {
        case TraceCode::add:       return f32_bits(a + b);
        case TraceCode::sub:       return f32_bits(a - b);
        case TraceCode::mul:       return f32_bits(a * b);
        case TraceCode::div:       return f32_bits(a / b);
        case TraceCode::neg:       return f32_bits(a) ^ 0x80000000u;
        case TraceCode::abs:       return f32_bits(a) & 0x7fffffffu;
        case TraceCode::min:       return f32_bits(a < b ? a : b);
        case TraceCode::max:       return f32_bits(a > b ? a : b);
        case TraceCode::root:      return f32_bits(sqrt32(a));
        case TraceCode::fma:       return f32_bits(a * b + c);
        case TraceCode::fnma:      return f32_bits(c - a * b);
        case TraceCode::xfma:      return f32_bits(fma32(a, b, c));
        case TraceCode::round:     return f32_bits(round32(a));
        case TraceCode::least:     return f32_bits(b < fabsf(a) ? b : fabsf(a));
        case TraceCode::recip:     return f32_bits(1 / a);
        case TraceCode::scale:
            return f32_bits(static_cast<float>(ldexp(static_cast<double>(a), static_cast<int>(b))));
        default:                   return 0;
    }
}
static inline uint64_t computed_f64(TraceCode code, double a, double b) {
    const double r = code == TraceCode::add ? a + b : code == TraceCode::sub ? a - b : code == TraceCode::mul ? a * b :
                     code == TraceCode::div ? a / b : sqrt64(a);
    return load_as<uint64_t>(&r);
}
static inline uint64_t computed_i32(TraceCode code, uint32_t n, uint32_t a, uint32_t b) {
    switch (code) {
        case TraceCode::iadd:      return a + b;
        case TraceCode::isub:      return a - b;
        case TraceCode::iand:      return a & b;
        case TraceCode::ior:       return a | b;
        case TraceCode::shl:       return a << n;
        case TraceCode::shr:       return a >> n;
        case TraceCode::sra:       return static_cast<uint32_t>(static_cast<int32_t>(a) >> n);
        default:                   return 0;
    }
}
/// The result of an operation on constants.
static inline uint64_t computed(TraceCode code, TraceType type, uint32_t index, const TraceNumber& a,
                                const TraceNumber& b, const TraceNumber& c) {
    const bool wide = a.type == TraceType::f64;
    switch (code) {
        case TraceCode::less:      return wide ? double_of(a) < double_of(b) : float_of(a) < float_of(b);
        case TraceCode::unordered: return float_of(a) != float_of(a);
        case TraceCode::select:    return a.bits ? b.bits : c.bits;
        case TraceCode::both:      return a.bits & b.bits;
        case TraceCode::any:       return a.bits | b.bits;
        case TraceCode::negate:    return !a.bits;
        case TraceCode::to_int:    return static_cast<uint32_t>(static_cast<int32_t>(round32(float_of(a))));
        case TraceCode::to_float:  return f32_bits(static_cast<float>(int_of(a)));
        case TraceCode::widen:     return constant_of(static_cast<double>(float_of(a))).bits;
        case TraceCode::narrow:    return f32_bits(static_cast<float>(double_of(a)));
        case TraceCode::scale2:
            return constant_of(static_cast<float>(ldexp(static_cast<double>(float_of(a)), int_of(b)))).bits;
        case TraceCode::bits: case TraceCode::unbits: return a.bits;
        default: break;
    }
    if (type == TraceType::f64) return computed_f64(code, double_of(a), double_of(b));
    if (type == TraceType::i32)
        return computed_i32(code, index, static_cast<uint32_t>(a.bits), static_cast<uint32_t>(b.bits));
    return computed_f32(code, float_of(a), float_of(b), float_of(c));
}

/// The operand that is the result of an operation on masks, where a constant one decides; or null.
static inline const TraceNumber* decided(TraceCode code, const TraceNumber& a, const TraceNumber& b,
                                         const TraceNumber& c) {
    const bool any = code == TraceCode::any;
    if (code == TraceCode::select)       return a.to ? nullptr : a.bits ? &b : &c;
    if (!any && code != TraceCode::both) return nullptr;
    if (!a.to)                           return (a.bits != 0) == any ? &a : &b;
    return b.to ? nullptr : (b.bits != 0) == any ? &b : &a;
}
static inline TraceNumber record_at(size_t index, TraceCode code, TraceType type, const TraceNumber& a,
                                    const TraceNumber& b, const TraceNumber& c) {
    Recorder* const to = a.to ? a.to : b.to ? b.to : c.to;
    if (!to) return constant_of(type, computed(code, type, static_cast<uint32_t>(index), a, b, c));
    if (const TraceNumber* const known = decided(code, a, b, c)) return *known;
    const int32_t x = to->argument(a), y = to->argument(b), z = to->argument(c);
    return to->append({code, type, static_cast<uint16_t>(index), {x, y, z}});
}

} // namespace impl

TraceValue::TraceValue(float constant) : number(impl::constant_of(constant)) {}

#pragma push_macro("GK_INL")           // what records need not be fast, but small
#pragma push_macro("GK_MEM")
#pragma push_macro("GK_INLINED")
#undef GK_INL
#undef GK_MEM
#undef GK_INLINED
#define GK_INL [[maybe_unused]] static GK_NOINLINE
#define GK_MEM GK_NOINLINE
#define GK_INLINED

namespace trace {
namespace {

using vf = TraceValue;
using vm = TraceMask;
using impl::TraceNumber;
using impl::Recorder;
struct vi { TraceNumber number; };
constexpr size_t VF = 1;

// ---- primitives -----------------------------------------------------------------

constexpr TraceNumber nothing = {nullptr, 0, TraceType::none, 0};
GK_INL const TraceNumber& number_of(const TraceNumber& n) { return n; }
template <class T> GK_INL const TraceNumber& number_of(const T& v) { return v.number; }

template <class A> TraceNumber record(TraceCode code, TraceType type, const A& a) {
    return impl::record_at(0, code, type, number_of(a), nothing, nothing);
}
template <class A, class B> TraceNumber record(TraceCode code, TraceType type, const A& a, const B& b) {
    return impl::record_at(0, code, type, number_of(a), number_of(b), nothing);
}
template <class A, class B, class C>
TraceNumber record(TraceCode code, TraceType type, const A& a, const B& b, const C& c) {
    return impl::record_at(0, code, type, number_of(a), number_of(b), number_of(c));
}
GK_INL vi shifted(TraceCode code, const vi& a, int n) {
    return {impl::record_at(static_cast<size_t>(n), code, TraceType::i32, a.number, nothing, nothing)};
}

/// An element of memory: a tensor of the recording.
struct element { Recorder* to; uint16_t tensor; };

#define GK_F1(name, code) GK_INL vf name(vf a)             { return vf(record(TraceCode::code, TraceType::f32, a)); }
#define GK_F2(name, code) GK_INL vf name(vf a, vf b)       { return vf(record(TraceCode::code, TraceType::f32, a, b)); }
#define GK_F3(name, code) \
    GK_INL vf name(vf a, vf b, vf c) { return vf(record(TraceCode::code, TraceType::f32, a, b, c)); }
#define GK_I2(name, code) GK_INL vi name(vi a, vi b)       { return {record(TraceCode::code, TraceType::i32, a, b)}; }
GK_F1(vneg, neg) GK_F1(vabs, abs) GK_F1(vround, round) GK_F1(vroot, root)
GK_F2(vadd, add) GK_F2(vsub, sub) GK_F2(vmul, mul) GK_F2(vdiv, div) GK_F2(vmin, min) GK_F2(vmax, max)
GK_F3(vfma, fma) GK_F3(vfnma, fnma) GK_F3(vxfma, xfma)
GK_I2(viadd, iadd) GK_I2(visub, isub) GK_I2(viand, iand) GK_I2(vior, ior)
#undef GK_F1
#undef GK_F2
#undef GK_F3
#undef GK_I2
GK_INL vf   vzero()                                { return 0.0f; }
GK_INL vf   vset(vf x)                             { return x; }
GK_INL vi viset(int32_t x) {
    return {impl::constant_of(TraceType::i32, static_cast<uint32_t>(x))};
}
GK_INL vf vload(const element* p) {
    return vf(p->to->append({TraceCode::load, TraceType::f32, p->tensor, {no_arg, no_arg, no_arg}}));
}
GK_INL vf   vload_n(const element* p, size_t)      { return vload(p); }
GK_INL void vstore(element* p, vf v) {
    const int32_t a = p->to->argument(v.number);
    p->to->append({TraceCode::store, TraceType::none, p->tensor, {a, no_arg, no_arg}});
}
GK_INL void vstore_n(element* p, vf v, size_t)     { vstore(p, v); }
GK_INL vf   vfirst(vf a, size_t)                   { return a; }
GK_INL vm   vlt(vf a, vf b)                        { return vm(record(TraceCode::less, TraceType::mask, a, b)); }
GK_INL vm   vnan(vf a)                             { return vm(record(TraceCode::unordered, TraceType::mask, a)); }
GK_INL vf   vselect(vm m, vf a, vf b)              { return vf(record(TraceCode::select, TraceType::f32, m, a, b)); }
GK_INL vi   vint(vf a)                             { return {record(TraceCode::to_int, TraceType::i32, a)}; }
GK_INL vf   vfloat(vi a)                           { return vf(record(TraceCode::to_float, TraceType::f32, a)); }
GK_INL vi   vbits(vf a)                            { return {record(TraceCode::bits, TraceType::i32, a)}; }
GK_INL vf   vunbits(vi a)                          { return vf(record(TraceCode::unbits, TraceType::f32, a)); }
GK_INL vi   vishl(vi a, int n)                     { return shifted(TraceCode::shl, a, n); }
GK_INL vi   vishr(vi a, int n)                     { return shifted(TraceCode::shr, a, n); }
GK_INL vi   visra(vi a, int n)                     { return shifted(TraceCode::sra, a, n); }
GK_INL vf   vscale2(vf x, vi n)                    { return vf(record(TraceCode::scale2, TraceType::f32, x, n)); }

// ---- scalars of a row -----------------------------------------------------------

using single = vf;
using truth  = vm;
struct extent { Recorder* to; };
struct real {
    TraceNumber number;
    real(double v) : number(impl::constant_of(v)) {}
    explicit real(const TraceNumber& n) : number(n) {}
    explicit real(single v) : number(record(TraceCode::widen, TraceType::f64, v)) {}
    explicit operator single() const { return single(record(TraceCode::narrow, TraceType::f32, number)); }
};
#define GK_R2(op, code) \
    GK_INL real operator op(real a, real b) { return real(record(TraceCode::code, TraceType::f64, a, b)); }
GK_R2(+, add) GK_R2(-, sub) GK_R2(*, mul) GK_R2(/, div)
#undef GK_R2
GK_INL truth always()                              { return truth(impl::constant_of(TraceType::mask, 1)); }
GK_INL truth operator<(real a, real b)             { return truth(record(TraceCode::less, TraceType::mask, a, b)); }
GK_INL truth operator&&(truth a, truth b)          { return truth(record(TraceCode::both, TraceType::mask, a, b)); }
GK_INL truth operator||(truth a, truth b)          { return truth(record(TraceCode::any, TraceType::mask, a, b)); }
GK_INL truth operator!(truth a)                    { return truth(record(TraceCode::negate, TraceType::mask, a)); }
GK_INL real  square_root(real x)                   { return real(record(TraceCode::root, TraceType::f64, x)); }
GK_INL real length_of(extent n) {
    return real(n.to->append({TraceCode::length, TraceType::f64, 0, {no_arg, no_arg, no_arg}}));
}
GK_INL real  real_at(const element* p)             { return static_cast<real>(vload(p)); }
GK_INL real  choose(truth c, real a, real b)       { return real(record(TraceCode::select, TraceType::f64, c, a, b)); }
GK_INL single choose(truth c, single a, single b)  { return vselect(c, a, b); }
template <class A, class B> void either(truth c, const A& a, const B& b) {
    Recorder* const to = c.number.to;
    to->when   = c.number.number;
    to->wanted = true;
    to->open(TraceLoop::once);
    a();
    to->wanted = false;
    to->open(TraceLoop::once);
    b();
    to->when = no_arg;
    to->open(TraceLoop::once);
}

// ---- loops ------------------------------------------------------------------

/// A stage of its own, as long as it lives.
struct Loop {
    Recorder* to;
    Loop(extent n, TraceLoop loop, size_t steps = 0) : to(n.to) { to->open(loop, steps); }
    ~Loop() { to->open(TraceLoop::once); }
};
template <class F> void map1(const element* x, element* out, extent n, const F& f) {
    const Loop loop(n, TraceLoop::map);
    vstore(out, f(vload(x)));
}
template <class F> void map2(const element* a, const element* b, element* out, extent n, const F& f) {
    const Loop loop(n, TraceLoop::map);
    const vf x = vload(a), y = vload(b);
    vstore(out, f(x, y));
}
template <class F> void map3(const element* a, const element* b, const element* c, element* out, extent n, const F& f) {
    const Loop loop(n, TraceLoop::map);
    const vf x = vload(a), y = vload(b), z = vload(c);
    vstore(out, f(x, y, z));
}
template <class P, class F>
void map_halves(element* a, element* b, const element* c, const element* s, extent n, const F& f) {
    const Loop loop(n, TraceLoop::map);
    const vf x = vload(a), y = vload(b), cos = vload(c), sin = vload(s);
    const P  turned = f(x, y, cos, sin);
    vstore(a, turned.first);
    vstore(b, turned.second);
}
template <class F> void map_in_double(element* out, extent n, const F& f) {
    const Loop loop(n, TraceLoop::map);
    vstore(out, static_cast<single>(f(0)));
}

GK_INL TraceNumber accumulator(extent n, const TraceNumber& first) {
    const int32_t a = n.to->argument(first);
    return n.to->append({TraceCode::accumulator, first.type, 0, {a, no_arg, no_arg}});
}
GK_INL void becomes(const TraceNumber& acc, const TraceNumber& next) {
    if (!acc.to->failed) acc.to->trace->ops[static_cast<size_t>(acc.number)].arg[1] = acc.to->argument(next);
}
template <class Term> real recorded_sum(extent n, TraceLoop loop, size_t steps, const Term& term) {
    const TraceNumber acc = [&] {
        const Loop stage(n, loop, steps);
        const TraceNumber a = accumulator(n, vzero().number);
        becomes(a, term(0, vf(a)).number);
        return a;
    }();
    return real(record(TraceCode::total, TraceType::f64, acc));
}
template <size_t steps = 32, class Term>
real blocked_sum(extent n, const Term& term) { return recorded_sum(n, TraceLoop::blocked_sum, steps, term); }
template <size_t steps, class Term>
real precise_sum(extent n, const Term& term) { return recorded_sum(n, TraceLoop::precise_sum, steps, term); }
template <class Term> real sum_in_double(extent n, const Term& term) {
    const TraceNumber acc = [&] {
        const Loop stage(n, TraceLoop::sum_in_double);
        const TraceNumber a = accumulator(n, real(0).number);
        becomes(a, (real(a) + term(0)).number);
        return a;
    }();
    return real(record(TraceCode::total, TraceType::f64, acc));
}
template <class F> vf fold(const element* x, extent n, vf first, const F& f) {
    const TraceNumber acc = [&] {
        const Loop stage(n, TraceLoop::fold);
        const TraceNumber a = accumulator(n, first.number);
        becomes(a, f(vload(x), vf(a)).number);
        return a;
    }();
    return vf(record(TraceCode::total, TraceType::f32, acc));
}
GK_INL single max_lane(vf m)                       { return m; }

struct Peaks { single first, second; };
template <class Term> Peaks peaks(extent n, const Term& term, float) {
    TraceNumber a = nothing, b = nothing;
    {
        const Loop stage(n, TraceLoop::fold);
        const auto v = term(0, 1);
        a = accumulator(n, vzero().number);
        b = accumulator(n, vzero().number);
        becomes(a, vmax(v.first, vf(a)).number);
        becomes(b, vmax(v.second, vf(b)).number);
    }
    return {single(record(TraceCode::total, TraceType::f32, a)), single(record(TraceCode::total, TraceType::f32, b))};
}

} } // namespace trace

/// Memory of a recording holds floats.
namespace impl {
template <> struct ElementConstants<trace::element> {
    static constexpr int ELEM_ID = ElementConstants<float>::ELEM_ID;
};
}
GK_NAMESPACE_END

#define GK_PASS GK_TRACE
#define GK_NS   trace
#include GLLM_KERNELS_SELF
#pragma pop_macro("GK_INL")
#pragma pop_macro("GK_MEM")
#pragma pop_macro("GK_INLINED")

GK_NAMESPACE_BEGIN
namespace trace {
namespace {

// ---- what is recorded -----------------------------------------------------------

struct Recording {
    OpKind         kind;
    const char*    name;
    ComputePattern pattern;
    uint8_t        tensors, parameters;
    void         (*run)(element* t, const single* p, extent n);
};
constexpr auto map_of_one = ComputePattern::elementwise, map_of_two = ComputePattern::binary_elementwise,
        injective = ComputePattern::injective;
constexpr auto reduction = ComputePattern::reduction, norm_like = ComputePattern::norm_like;
const Recording recordings[] = {
    {OpKind::add,        "add",        map_of_two, 3, 0,
        [](element* t, const single*, extent n) { vec_add(t, t + 1, t + 2, n); }},
    {OpKind::sub,        "sub",        map_of_two, 3, 0,
        [](element* t, const single*, extent n) { vec_sub(t, t + 1, t + 2, n); }},
    {OpKind::mul,        "mul",        map_of_two, 3, 0,
        [](element* t, const single*, extent n) { vec_mul(t, t + 1, t + 2, n); }},
    {OpKind::scale,      "scale",      map_of_one, 1, 1,
        [](element* t, const single* p, extent n) { vec_scale(t, p[0], n); }},
    {OpKind::axpy,       "axpy",       map_of_two, 2, 1,
        [](element* t, const single* p, extent n) { vec_axpy(t, p[0], t + 1, n); }},
    {OpKind::relu,       "relu",       map_of_one, 2, 0,
        [](element* t, const single*, extent n) { relu(t, t + 1, n); }},
    {OpKind::silu,       "silu",       map_of_one, 2, 0,
        [](element* t, const single*, extent n) { silu(t, t + 1, n); }},
    {OpKind::gelu,       "gelu",       map_of_one, 2, 0,
        [](element* t, const single*, extent n) { gelu(t, t + 1, n); }},
    {OpKind::gelu_erf,   "gelu_erf",   map_of_one, 2, 0,
        [](element* t, const single*, extent n) { gelu_erf(t, t + 1, n); }},
    {OpKind::gelu_quick, "gelu_quick", map_of_one, 2, 0,
        [](element* t, const single*, extent n) { gelu_quick(t, t + 1, n); }},
    {OpKind::tanh,       "tanh",       map_of_one, 2, 0,
        [](element* t, const single*, extent n) { tanh(t, t + 1, n); }},
    {OpKind::exp,        "exp",        map_of_one, 2, 0, [](element* t, const single*, extent n) { exp(t, t + 1, n); }},
    {OpKind::swiglu,     "swiglu",     map_of_two, 3, 0,
        [](element* t, const single*, extent n) { swiglu(t, t + 1, t + 2, n); }},
    {OpKind::sum,        "sum",        reduction,  2, 0,
        [](element* t, const single*, extent n) { vstore(t + 1, sum_of(t, n)); }},
    {OpKind::dot,        "dot",        reduction,  3, 0,
        [](element* t, const single*, extent n) { vstore(t + 2, dot_of(t, t + 1, n)); }},
    {OpKind::softmax,    "softmax",    norm_like,  2, 0,
        [](element* t, const single*, extent n) { softmax(t, t + 1, n); }},
    {OpKind::rms_norm,   "rms_norm",   norm_like,  3, 1,
        [](element* t, const single* p, extent n) { rms_norm_row(t, t + 1, t + 2, n, p[0]); }},
    {OpKind::layer_norm, "layer_norm", norm_like,  4, 1,
        [](element* t, const single* p, extent n) { layer_norm_row(t, t + 1, t + 2, t + 3, n, p[0]); }},
    {OpKind::rope_half,  "rope_half",  injective,  4, 0,
        [](element* t, const single*, extent n) { map_halves<Pair>(t, t + 1, t + 2, t + 3, n, turned_half{}); }},
    {OpKind::rope_interleaved, "rope_interleaved", injective, 4, 0,
        [](element* t, const single*, extent n) { map_halves<Pair>(t, t + 1, t + 2, t + 3, n, turned_pair{}); }},
    {OpKind::div,        "div",        map_of_two, 3, 0,
        [](element* t, const single*, extent n) { map2(t, t + 1, t + 2, n, div_of{}); }},
    {OpKind::neg,        "neg",        map_of_one, 2, 0,
        [](element* t, const single*, extent n) { map1(t, t + 1, n, neg_of{}); }},
    {OpKind::abs,        "abs",        map_of_one, 2, 0,
        [](element* t, const single*, extent n) { map1(t, t + 1, n, abs_of{}); }},
    {OpKind::sqrt,       "sqrt",       map_of_one, 2, 0,
        [](element* t, const single*, extent n) { map1(t, t + 1, n, sqrt_of{}); }},
    {OpKind::rsqrt,      "rsqrt",      map_of_one, 2, 0,
        [](element* t, const single*, extent n) { map1(t, t + 1, n, rsqrt_of{}); }},
    {OpKind::recip,      "recip",      map_of_one, 2, 0,
        [](element* t, const single*, extent n) { map1(t, t + 1, n, recip_of{}); }},
    {OpKind::max,        "max",        map_of_two, 3, 0,
        [](element* t, const single*, extent n) { map2(t, t + 1, t + 2, n, larger{}); }},
    {OpKind::min,        "min",        map_of_two, 3, 0,
        [](element* t, const single*, extent n) { map2(t, t + 1, t + 2, n, smaller{}); }},
    {OpKind::clamp,      "clamp",      map_of_one, 2, 2,
        [](element* t, const single* p, extent n) { map1(t, t + 1, n, clamp_to{p[0], p[1]}); }},
    {OpKind::offset,     "offset",     map_of_one, 2, 1,
        [](element* t, const single* p, extent n) { map1(t, t + 1, n, offset_by{p[0]}); }},
    {OpKind::mean,       "mean",       reduction,  2, 0,
        [](element* t, const single*, extent n) {
            vstore(t + 1, vdiv(sum_of(t, n), static_cast<single>(length_of(n))));
        }},
    {OpKind::largest,    "largest",    reduction,  2, 0,
        [](element* t, const single*, extent n) { vstore(t + 1, largest(t, n)); }},
};

constexpr size_t most_tensors = 4, most_parameters = 2;

/// Tensors are operands in order, save those of rope, whose first two are the two of a pair.
void place_tensors(Recorder& r, size_t count) {
    const bool halves = r.trace->kind == OpKind::rope_half, pairs = r.trace->kind == OpKind::rope_interleaved;
    for (size_t i = 0; i < count; i++) {
        const bool        second = (halves || pairs) && i == 1, first = (halves || pairs) && i == 0;
        const TracePlace  place  = first ? (halves ? TracePlace::first_half : TracePlace::even) :
                                   second ? (halves ? TracePlace::second_half : TracePlace::odd) : TracePlace::each;
        const TraceTensor t = {static_cast<uint8_t>((halves || pairs) && i ? i - 1 : i), place, false, false};
        r.failed |= !r.trace->tensors.push(t);
        r.trace->operands = static_cast<uint8_t>(t.operand + 1);
    }
}
/// After the last operation: which tensors are read and written, and no stage without operations.
void finish(Recorder& r) {
    for (size_t i = 0; !r.failed && i < r.trace->ops.size(); i++) {
        const TraceOp& op = r.trace->ops[i];
        if (op.code == TraceCode::load)  r.trace->tensors[op.index].read    = true;
        if (op.code == TraceCode::store) r.trace->tensors[op.index].written = true;
    }
}
void record(Recorder& r, const Recording& what) {
    element elements[most_tensors] = {};
    for (uint16_t i = 0; i < most_tensors; i++) elements[i] = {&r, i};
    place_tensors(r, what.tensors);
    r.trace->parameters = what.parameters;
    r.open(TraceLoop::once);
    if (r.failed) return;
    single parameters[most_parameters] = {0.0f, 0.0f};
    for (uint16_t i = 0; i < what.parameters; i++)
        parameters[i] = vf(r.append({TraceCode::parameter, TraceType::f32, i, {no_arg, no_arg, no_arg}}));
    what.run(elements, parameters, {&r});
    finish(r);
}

} // unnamed namespace
} // namespace trace

namespace impl {

static inline OpTrace* new_trace(const char* name, OpKind kind, ComputePattern pattern) {
    void* const p = list_memory(nullptr, sizeof(OpTrace), 0);
    if (!p) return nullptr;
    OpTrace* const t = new (p) OpTrace();
    memcpy(t->name, name, strlen(name) + 1);
    t->kind    = kind;
    t->pattern = pattern;
    return t;
}
static inline void delete_trace(OpTrace* t) {
    if (!t) return;
    t->~OpTrace();
    list_memory(t, 0, 0);
}

} // namespace impl

// ---- what a user's function may do ----------------------------------------------

TraceValue operator+(TraceValue a, TraceValue b)   { return trace::vadd(a, b); }
TraceValue operator-(TraceValue a, TraceValue b)   { return trace::vsub(a, b); }
TraceValue operator*(TraceValue a, TraceValue b)   { return trace::vmul(a, b); }
TraceValue operator/(TraceValue a, TraceValue b)   { return trace::vdiv(a, b); }
TraceValue operator-(TraceValue a)                 { return trace::vneg(a); }
TraceMask  operator<(TraceValue a, TraceValue b)   { return trace::vlt(a, b); }
TraceValue select(TraceMask m, TraceValue a, TraceValue b) { return trace::vselect(m, a, b); }
TraceValue fma(TraceValue a, TraceValue b, TraceValue c)   { return trace::vxfma(a, b, c); }
TraceValue abs(TraceValue x)                       { return trace::vabs(x); }
TraceValue sqrt(TraceValue x)                      { return trace::vroot(x); }
TraceValue exp(TraceValue x)                       { return trace::vexp(x); }
TraceValue tanh(TraceValue x)                      { return trace::vtanh(x); }

// ---- the registry ---------------------------------------------------------------

ScalarOpRegistry::~ScalarOpRegistry() {
    for (OpTrace* t : traces_) impl::delete_trace(t);
}
const OpTrace* ScalarOpRegistry::find(OpKind kind) {
    if (kind == OpKind::user) return nullptr;
    for (const OpTrace* t : traces_)
        if (t->kind == kind) return t;
    for (const trace::Recording& what : trace::recordings) {
        if (what.kind != kind) continue;
        OpTrace* const t = impl::new_trace(what.name, kind, what.pattern);
        if (!t) return nullptr;
        impl::Recorder r = {t, false, true, no_arg, 0};
        trace::record(r, what);
        if (!r.failed && traces_.push(t)) return t;
        impl::delete_trace(t);
    }
    return nullptr;
}
const OpTrace* ScalarOpRegistry::find(const char* name) const {
    for (const OpTrace* t : traces_)
        if (t->kind == OpKind::user && strcmp(t->name, name) == 0) return t;
    return nullptr;
}
Status ScalarOpRegistry::record(const char* name, uint8_t inputs,
                                TraceValue (*call)(const void* f, const TraceValue* x), const void* f) {
    if (!name || !*name || strlen(name) >= sizeof(OpTrace::name))
        return {Code::invalid_argument, "the name of an operation has 1 to 31 characters"};
    if (find(name)) return {Code::invalid_argument, "there is an operation of this name already"};
    const ComputePattern pattern = inputs == 1 ? trace::map_of_one : inputs == 2 ? trace::map_of_two : trace::injective;
    OpTrace* const t = impl::new_trace(name, OpKind::user, pattern);
    if (!t) return {Code::out_of_memory, "no memory for a recording"};
    impl::Recorder r = {t, false, true, no_arg, 0};
    trace::place_tensors(r, inputs + size_t(1));
    r.open(TraceLoop::map);
    if (!r.failed) {
        TraceValue x[3] = {0.0f, 0.0f, 0.0f};
        for (uint16_t i = 0; i < inputs; i++) {
            const trace::element e = {&r, i};
            x[i] = trace::vload(&e);
        }
        const TraceValue y = call(f, x);
        trace::element   out = {&r, inputs};
        trace::vstore(&out, y);
        trace::finish(r);
    }
    if (!r.failed && traces_.push(t)) return {Code::ok, "ok"};
    impl::delete_trace(t);
    return {Code::out_of_memory, "no memory for a recording"};
}

GK_NAMESPACE_END
#endif // GLLM_KERNELS_COMPILER

// ============================================================================
// [25] THE GRAPH COMPILER: from operations to one call
// ============================================================================
//
//   CompilerGraph -> check -> lower -> SemanticDAG -> fuse -> FusionPlan -> plan_buffers -> BufferPlan -> run
//
// Everything up to the plans is decided by shapes. Execution knows the plans alone: a back end is another reader of
// them.

#ifdef GLLM_KERNELS_COMPILER
GK_NAMESPACE_BEGIN
namespace impl {

constexpr size_t most_nodes = 8192, most_in_group = 32;
static_assert(most_in_group <= 64, "slots of a tile are bits of a word");

static inline Status out_of_nodes()                { return {Code::out_of_memory, "no memory to compile"}; }
static inline Status malformed(const char* what)   { return {Code::compile_error, what}; }
constexpr Status too_many_rows = {Code::out_of_memory, "intermediates of so many rows overflow size_t"};

/// Text, piece by piece.
struct Text {
    void (*write)(void* user, const char* text, size_t n);
    void*  user;
    const Text& operator<<(const char* s) const { write(user, s, strlen(s)); return *this; }
    const Text& operator<<(size_t v) const {
        char   digits[24];
        size_t n = sizeof digits;
        do digits[--n] = static_cast<char>('0' + v % 10); while (v /= 10);
        write(user, digits + n, sizeof digits - n);
        return *this;
    }
};
/// Text that ends where its buffer does.
struct Buffered { char* data; size_t room, size; };
static inline void write_buffered(void* user, const char* text, size_t n) {
    Buffered& b = *static_cast<Buffered*>(user);
    const size_t fits = b.room - 1 - b.size < n ? b.room - 1 - b.size : n;
    memcpy(b.data + b.size, text, fits);
    b.data[b.size += fits] = 0;
}
/// What can be printed of a name of any origin.
static inline void put_name(const Text& out, const char* name) {
    for (; *name; name++) {
        const char c[2] = {*name >= ' ' && *name <= '~' && *name != '"' && *name != '\\' ? *name : '?', 0};
        out << c;
    }
}
static inline void copy_name(char (&to)[48], const char* from) {
    size_t n = 0;
    for (; from && n < sizeof to - 1 && from[n]; n++) to[n] = from[n];
    to[n] = 0;
}

constexpr const char* op_names[] = {"input", "weight", "kernel", "matmul", "matmul_t", "reshape", "transpose",
                                       "concat", "slice",
                                    "embedding", "convert"};
static inline const char* op_name(CompilerOp op, OpKind kind, const OpTrace* user) {
    if (op > CompilerOp::convert) return "unknown operation";
    if (op != CompilerOp::kernel) return op_names[static_cast<size_t>(op)];
    if (kind == OpKind::user) return user ? user->name : "user";
    for (const trace::Recording& r : trace::recordings) if (r.kind == kind) return r.name;
    return "unknown kernel";
}

// ---- shapes ---------------------------------------------------------------------

static inline bool   is_source(CompilerOp op) { return op == CompilerOp::input || op == CompilerOp::weight; }
static inline bool   one_row(const TensorDesc& d)                         { return !d.open && d.rows == 1; }
static inline bool   same_rows(const TensorDesc& a, const TensorDesc& b) {
    return a.open == b.open && a.rows == b.rows;
}
static inline bool   of_floats(const TensorDesc& d) { return !d.indices && d.dtype != DType::blocks; }
static inline bool   spreads(const TensorDesc& operand, const TensorDesc& result) {
    return one_row(operand) && !one_row(result);
}
static inline TensorDesc floats_of(bool open, size_t rows, size_t cols) {
    TensorDesc d;
    d.open = open;
    d.rows = rows;
    d.cols = cols;
    return d;
}
static inline size_t element_bytes(const TensorDesc& d) { return d.indices || d.dtype == DType::f32 ? 4 : 2; }
/// Of all rows; false on overflow.
static inline bool rows_of(const TensorDesc& d, size_t rows, size_t* all) {
    *all = d.rows;
    return !d.open || times(d.rows, rows, all);
}
static inline bool bytes_of(const TensorDesc& d, size_t rows, size_t* bytes) {
    const size_t row = d.dtype == DType::blocks ? row_bytes(d.quant, d.cols) : d.cols * element_bytes(d);
    size_t all = 0;
    return rows_of(d, rows, &all) && times(all, row, bytes) && *bytes <= SIZE_MAX / 4;
}
static inline const char* check_desc(const TensorDesc& d) {
    size_t bytes = 0;
    if (d.rows == 0 || d.cols == 0)                              return "a tensor has at least one row and one column";
    if (d.dtype > DType::blocks)                                 return "this is no DType";
    if (d.dtype == DType::blocks && !is_format(d.quant))         return "this is no QuantType";
    if (d.dtype == DType::blocks && row_bytes(d.quant, d.cols) == 0)
        return "the columns of a quantised weight must be whole blocks";
    if (d.cols > SIZE_MAX / 16 || !bytes_of(d, 1, &bytes))       return "the size of this tensor overflows size_t";
    return nullptr;
}

/// Operands that a recording reads before it writes them.
static inline size_t operands_read(const OpTrace& t) {
    unsigned seen = 0;
    size_t   n = 0;
    for (const TraceOp& op : t.ops) {
        if (op.code != TraceCode::load && op.code != TraceCode::store) continue;
        const unsigned bit = 1u << t.tensors[op.index].operand;
        n += op.code == TraceCode::load && !(seen & bit);
        seen |= bit;
    }
    return n;
}
static inline bool is_map(const OpTrace& t) {
    return t.pattern == ComputePattern::elementwise || t.pattern == ComputePattern::binary_elementwise ||
           (t.pattern == ComputePattern::injective && t.kind == OpKind::user);
}

static inline bool    is_product(CompilerOp op)    { return op == CompilerOp::matmul || op == CompilerOp::matmul_t; }
static inline OpClass class_of(CompilerOp op, const OpTrace* t, bool blocks) {
    if (is_source(op))                             return OpClass::source;
    if (op == CompilerOp::reshape)                 return OpClass::view;
    if (op == CompilerOp::convert)                 return OpClass::elementwise;
    if (op == CompilerOp::transpose || blocks)     return OpClass::opaque;
    if (is_product(op))                            return OpClass::gemm;
    if (!t || (t->pattern == ComputePattern::injective && !is_map(*t))) return OpClass::injective;
    return is_map(*t) ? OpClass::elementwise : OpClass::reduction;
}

static inline const char* infer_map(const CompilerNode& n, const TensorDesc* in, TensorDesc* out) {
    TensorDesc full = in[0];
    for (size_t i = 1; i < n.inputs; i++) if (one_row(full)) full = in[i];
    for (size_t i = 0; i < n.inputs; i++) {
        if (in[i].cols != full.cols)                             return "the columns of elementwise operands differ";
        if (!one_row(in[i]) && !same_rows(in[i], full)) return "elementwise operands have as many rows, or one";
    }
    *out = floats_of(full.open, full.rows, full.cols);
    return nullptr;
}
static inline const char* infer_rope(const CompilerNode& n, const TensorDesc* in, TensorDesc* out) {
    const size_t head = n.size[0], turned = n.size[1] ? n.size[1] : head;
    if (head == 0 || in[0].cols % head)                          return "columns are whole heads of head_dim";
    if (turned % 2 || turned > head)                             return "n_rot is even and at most head_dim";
    for (size_t i = 1; i < 3; i++)
        if (in[i].cols != turned / 2 || (!one_row(in[i]) && !same_rows(in[i], in[0])))
            return "cos and sin are n_rot / 2 columns, of as many rows or one";
    *out = floats_of(in[0].open, in[0].rows, in[0].cols);
    return nullptr;
}
static inline const char* infer_kernel(const CompilerNode& n, const OpTrace& t, const TensorDesc* in, TensorDesc* out) {
    if (operands_read(t) != n.inputs) return "another number of operands than the operation has";
    for (size_t i = 0; i < n.inputs; i++)
        if (!of_floats(in[i])) return "indices and blocks are no operands of this operation";
    if (is_map(t)) return infer_map(n, in, out);
    if (t.pattern == ComputePattern::injective) return infer_rope(n, in, out);
    const bool reduces = t.pattern == ComputePattern::reduction;
    for (size_t i = 1; i < n.inputs; i++) {
        if (in[i].cols != in[0].cols)                            return "the columns of the operands differ";
        if (!one_row(in[i]) && !(reduces && same_rows(in[i], in[0]))) return "the second operand has one row";
    }
    *out = floats_of(in[0].open, in[0].rows, reduces ? 1 : in[0].cols);
    return nullptr;
}
static inline const char* infer_matmul(const CompilerNode& n, const TensorDesc* in, TensorDesc* out) {
    const bool transposed = n.op == CompilerOp::matmul_t;
    if (!of_floats(in[0]) || in[1].indices)                      return "a product is of numbers";
    if (!transposed && in[1].dtype == DType::blocks)             return "quantised weights are multiplied by matmul_t";
    if (in[1].open) return "the second matrix of a product has a known number of rows";
    if (in[0].cols != (transposed ? in[1].cols : in[1].rows))
        return "the two sides of a product are of different depth";
    *out = floats_of(in[0].open, in[0].rows, transposed ? in[1].rows : in[1].cols);
    return nullptr;
}
static inline const char* infer_layout(const CompilerNode& n, const TensorDesc* in, TensorDesc* out) {
    if (!of_floats(in[0])) return "indices and blocks are no operands of this operation";
    size_t cols = 0;
    switch (n.op) {
        case CompilerOp::reshape:
            if (n.size[0] == 0 || in[0].rows * in[0].cols % n.size[0]) return "a reshaped tensor has whole rows";
            *out = floats_of(in[0].open, in[0].rows * in[0].cols / n.size[0], n.size[0]);
            return nullptr;
        case CompilerOp::transpose:
            if (in[0].open) return "a transposed tensor has a known number of rows";
            *out = floats_of(false, in[0].cols, in[0].rows);
            return nullptr;
        case CompilerOp::concat:
            for (size_t i = 0; i < n.inputs; i++) {
                if (!of_floats(in[i]) || !same_rows(in[i], in[0])) return "tensors side by side have as many rows";
                cols += in[i].cols;                              // each at most SIZE_MAX / 16
            }
            *out = floats_of(in[0].open, in[0].rows, cols);
            return nullptr;
        default:
            if (n.size[0] > in[0].cols || n.size[1] > in[0].cols - n.size[0]) return "a slice ends within the columns";
            *out = floats_of(in[0].open, in[0].rows, n.size[1]);
            return nullptr;
    }
}
static inline const char* infer_embedding(const CompilerNode* const* from, const TensorDesc* in, TensorDesc* out) {
    if (!is_source(from[0]->op) || in[0].indices || in[0].open)  return "the table of an embedding is a weight";
    if (!in[1].indices)                                          return "an embedding is by indices";
    *out = floats_of(in[1].open, in[1].rows, in[0].cols);
    return nullptr;
}

// ---- recorded maps ------------------------------------------------------------------

/// Steps of a recording whose values take as few slots as live at a time.
class MapBuilder {
public:
    MapBuilder(const OpTrace& t, const float* parameters, List<MapStep>& steps, List<uint32_t>& constants)
        : t_(t), parameters_(parameters), steps_(steps), constants_(constants), first_(constants.size()) {}

    Status build() {
        if (t_.constants.size() + t_.parameters > MAP_CONSTANTS)
            return malformed("an operation of more than 128 constants and parameters");
        if (!last_.fill(t_.ops.size(), 0) || !place_.fill(t_.ops.size(), 0)) return out_of_nodes();
        if (t_.constants.size() == 0 && !constants_.push(0)) return out_of_nodes();
        for (const TraceConstant& c : t_.constants)
            if (!constants_.push(static_cast<uint32_t>(c.bits))) return out_of_nodes();
        for (uint32_t i = 0; i < t_.ops.size(); i++)
            for (int32_t a : t_.ops[i].arg) if (a >= 0) last_[static_cast<size_t>(a)] = i;
        for (const TraceStage& s : t_.stages)
            if (s.when != no_arg || (s.loop != TraceLoop::map && s.loop != TraceLoop::once))
                return malformed("this recording is no map");
        for (uint32_t i = 0; i < t_.ops.size(); i++)
            if (Status st = step(i); !st) return st;
        return success;
    }

private:
    const OpTrace&  t_;
    const float*    parameters_;
    List<MapStep>&  steps_;
    List<uint32_t>& constants_;
    size_t          first_;
    List<uint32_t>  last_;
    List<int16_t>   place_;
    uint32_t        free_ = UINT32_MAX;                         // slots

    int16_t source(int32_t a) const {
        if (a == no_arg) return -1;                             // not read; the first constant stands in
        return a < 0 ? static_cast<int16_t>(a) : place_[static_cast<size_t>(a)];
    }
    Status step(uint32_t i) {
        const TraceOp& op = t_.ops[i];
        if (op.code == TraceCode::parameter) {
            place_[i] = static_cast<int16_t>(~static_cast<int16_t>(constants_.size() - first_));
            return constants_.push(f32_bits(parameters_[op.index])) ? success : out_of_nodes();
        }
        if (op.type == TraceType::f64 || op.code == TraceCode::accumulator || op.code == TraceCode::total)
            return malformed("this recording is no map");
        MapStep s = {op.code, static_cast<uint8_t>(op.index), 0,
                     {source(op.arg[0]), source(op.arg[1]), source(op.arg[2])}};
        for (size_t j = 0; j < 3; j++)
            if (op.arg[j] >= 0 && last_[static_cast<size_t>(op.arg[j])] == i && s.from[j] >= 0)
                free_ |= 1u << s.from[j];
        if (op.code != TraceCode::store) {
            if (!free_) return malformed("an operation of more than 32 values that live at a time");
            while (!(free_ >> s.to & 1)) s.to++;
            free_ &= ~(1u << s.to);
            place_[i] = s.to;
            if (last_[i] == 0) free_ |= 1u << s.to;             // read by none
        }
        return steps_.push(s) ? success : out_of_nodes();
    }
};
static_assert(MAP_SLOTS == 32, "as many as a word has bits");

/// Arithmetic of one element, or of one of the row.
static inline double flops_of(const OpTrace& t) {
    double n = 0;
    for (const TraceStage& s : t.stages)
        for (int32_t i = s.begin; i < s.end && s.loop != TraceLoop::once && s.loop != TraceLoop::sum_in_double; i++) {
            const TraceCode c = t.ops[static_cast<size_t>(i)].code;
            if (c == TraceCode::load || c == TraceCode::store || c == TraceCode::accumulator) continue;
            n += c == TraceCode::fma || c == TraceCode::fnma || c == TraceCode::xfma ? 2 : 1;
        }
    return n;
}

// ---- where values are -------------------------------------------------------------------

enum class Where : uint8_t { source, output, buffer, tile, view };
struct ValuePlace {
    Where          where;
    uint32_t       index;                                       // source; output; alloc; slot of a tile
    uint32_t       root;                                        // itself, or what a view shows
    uint32_t       group, last;                                 // that computes it; the last that reads it
    uint32_t       steps, step_count, constants, constant_count;        // of a map without a kernel
    uint8_t*       at;                                          // in this run
    size_t         each;                                        // bytes from task to task; 0: it is all of theirs
};
struct SourcePlace { uint32_t node, input; const void* data; size_t bytes; };   // input: no_node for a weight
/// What a group computes at a time, and how often.
struct Tile { size_t rows, cols, in_row, count, slot_bytes; };  // in_row: tiles side by side
struct Window { uint8_t* at; size_t stride; };                  // rows `stride` bytes apart
/// Rows of a group's values that it works on, and which task that is.
struct Rows { size_t begin, count, task; };
/// What is known of a group before it runs: of so many rows.
/// by_code: a product that its unit computes, with the group behind it where that is injected.
struct GroupPlan { Tile tile; size_t rows; double work; bool by_code; };
/// The second matrix of a product, by pack_b.
struct PackedWeight { uint32_t product, weight; void *data, *panels; };

constexpr size_t most_pointers = 11;                            // of a function of machine code: [26]
struct CodeLines;
struct CodeTarget;
struct CodeMemory {
    void*  at = nullptr;
    size_t bytes = 0;
    CodeMemory() = default;
    CodeMemory(const CodeMemory&) = delete;
    CodeMemory& operator=(const CodeMemory&) = delete;
    GK_INTERNAL ~CodeMemory();
    GK_INTERNAL bool hold(const uint8_t* code, size_t n);       // once; false where the system refuses
};

/// May the result of this node take the place of an operand?
static inline bool takes_place(const SemanticNode& n, size_t operand) {
    if (n.op == CompilerOp::convert) return n.desc.dtype == DType::f32;
    return n.op == CompilerOp::kernel
            && (operand == 0 || (n.op_class == OpClass::elementwise && n.kind != OpKind::axpy));
}
/// Does row r of the result need no more than row r of operands of as many rows?
static inline bool by_rows(CompilerOp op)          { return op == CompilerOp::kernel || op >= CompilerOp::concat; }
static inline bool has_kernel(OpKind kind) {
    return kind < OpKind::div || kind == OpKind::mean || kind == OpKind::largest;
}
static inline size_t lines(size_t bytes)           { return (bytes + 63) & ~size_t(63); }

} // namespace impl

struct GK_HIDDEN CompiledLayer::State {
    DeviceProfile            profile;
    CompileOptions           options;
    CpuKernels<float>        kernels;
    ScalarOpRegistry         registry;
    SemanticDAG              dag;
    FusionPlan               fusion;
    BufferPlan               buffers;
    impl::List<impl::ValuePlace>  values;                       // of each node of the DAG
    impl::List<impl::SourcePlace> sources;
    impl::List<uint32_t>     outputs, embeddings;               // nodes of the DAG
    impl::List<size_t>       output_bytes;
    impl::List<impl::MapStep> steps;
    impl::List<uint32_t>     constants;
    impl::List<uint32_t>     order, placed;                     // allocs by size; by offset
    impl::List<impl::GroupPlan>    planned;                     // of each group
    impl::List<impl::PackedWeight> packed;
    CodeGenPlan              codegen;
    impl::CodeMemory         code_memory;
    const impl::CodeTarget*  target = nullptr;                  // of machine code
    size_t                   planned_width = 0, sized_rows = SIZE_MAX;
    bool                     one_input = false;                 // and one output, of floats
    bool                     checked = false;                   // pointers of all sources and outputs, for sized_rows
    uint32_t                 culprit = no_node;                 // a node of the graph

    State(const DeviceProfile& p, const CompileOptions& o) : profile(p), options(o) {}
    ~State() { for (const impl::PackedWeight& w : packed) impl::list_memory(w.data, 0, 0); }

    // ---- 1: meaning
    struct Checked { impl::List<uint32_t> order; size_t reached = 0; impl::List<TensorDesc> descs; };
    Status      check_graph(const CompilerGraph& g, Checked& c);
    const char* check_source(const CompilerGraph& g, const CompilerNode& n) const;
    const char* check_node(const CompilerGraph& g, const CompilerNode& n);
    Status      sort(const CompilerGraph& g, Checked& c);
    Status      visit(const CompilerGraph& g, Checked& c, impl::List<uint8_t>& next, impl::List<uint32_t>& stack,
            uint32_t root);
    Status      infer(const CompilerGraph& g, Checked& c);
    Status      lower(const CompilerGraph& g, const Checked& c);
    Status      lower_outputs(const CompilerGraph& g, const Checked& c, impl::List<uint32_t>& at,
            impl::List<uint32_t>& wide);
    uint32_t    widened(const CompilerGraph& g, const Checked& c, impl::List<uint32_t>& at, impl::List<uint32_t>& wide,
            uint32_t node);
    uint32_t    push(SemanticNode& n, const CompilerNode& of);
    uint32_t    push_convert(const CompilerNode& of, uint32_t node, uint32_t from, DType to);
    Status      build_map(uint32_t v, const CompilerNode& n);
    void        weigh(SemanticNode& n, const OpTrace* t) const;

    // ---- 2: decisions
    struct Candidate { TensorDesc rows; uint32_t size; bool open; };     // a group in the making; open: more may join
    Status fuse();
    bool   joins(uint32_t v, uint32_t group, const Candidate& c) const;
    bool   can_wait(uint32_t v, uint32_t group, uint32_t until) const;
    Status collect(const impl::List<Candidate>& groups);
    Status find_packed();
    void   find_injected();
    bool   runs_on_sums(const FusionGroup& g, uint32_t product) const;
    Status find_bands();
    bool   continues(uint32_t begin, uint32_t group) const;
    const impl::PackedWeight* packed_for(uint32_t product) const;
    Status place_values();
    void   keep_in_bands();
    void   fill_slots(FusionGroup& g, uint32_t group);
    Status place_buffer(uint32_t v, uint32_t group, uint32_t position, impl::List<uint32_t>& owner);
    bool   last_read(uint32_t u, uint32_t group, uint32_t position) const;
    impl::Tile tile_of(const FusionGroup& g, size_t all) const;
    void   plan_band(FusionBand& band, size_t rows, const Parallel& p) const;
    void   plan_groups(size_t rows, const Parallel& p);
    bool   has_sums_of_code(uint32_t v, size_t all) const;
    bool   with_product(size_t group) const { return fusion.groups[group].injected && planned[group - 1].by_code; }
    uint32_t behind(uint32_t group) const;
    Status alloc_bytes(BufferAlloc& a, size_t rows, const Parallel& p) const;
    Status product_bytes(uint32_t v, size_t m, size_t all, const Parallel& p, size_t* bytes) const;
    bool   meet(const BufferAlloc& a, const BufferAlloc& b) const;
    Status plan_buffers(size_t rows, const Parallel& p);

    // ---- 3: machine code
    bool     one_pass(const FusionGroup& g) const;              // is all of the group one function?
    const OpTrace* trace_of(const CompilerGraph& g, uint32_t v);
    bool     flatten(const CompilerGraph& g, const FusionGroup& group, uint32_t begin, uint32_t end,
            impl::CodeLines& lines);
    uint32_t emit_unit(const CompilerGraph& g, const FusionGroup& group, uint32_t begin, impl::List<uint8_t>& code);
    bool     read_behind(const FusionGroup& g, uint32_t v, uint32_t end) const;
    bool     push_pointer(uint32_t node, uint8_t bytes, bool still);
    bool     can_emit_product(uint32_t v) const;
    bool     emit_product(const CompilerGraph& g, uint32_t group, impl::List<uint8_t>& code);
    void     emit_code(const CompilerGraph& g);
    void     run_product(uint32_t group, const impl::Rows& r, const Parallel& p) const;
    void     run_unit(const CodeGenUnit& unit, const impl::Window* at, size_t rows, size_t cols) const;

    // ---- 3: execution
    uint32_t node_at(uint32_t i) const { return fusion.nodes[i]; }
    size_t all_rows(uint32_t group, size_t rows) const;
    Status pack(const impl::SourcePlace& source);
    impl::Window rows_at(uint32_t u, const impl::Rows& r) const;
    void run_band(const FusionBand& band, size_t rows, const Parallel& p, uint8_t* arena) const;
    void run_group(uint32_t group, const impl::Rows& r, const Parallel& p, uint8_t* arena) const;
    void run_tile(uint32_t group, const impl::Tile& t, size_t index, const impl::Rows& r, uint8_t* slots) const;
    void run_rows(uint32_t v, const impl::Window* in, uint8_t* out, size_t out_stride, size_t rows, size_t cols) const;
    void run_kernel(uint32_t v, const float* const* in, float* out, size_t n, size_t rows) const;
    Status call(uint32_t group, const impl::Rows& r, size_t all, const Parallel& p, uint8_t* arena) const;
    Status size_tensors(size_t rows);
    Status check_memory(const void* const* in, void* const* out, size_t rows);
    Status check_indices(size_t rows);
    Status run(const Parallel& p, const Workspace& w, size_t rows);
    bool   one_to_one() const;
    bool   as_before(const void* const* in, void* const* out, size_t rows) const;

    // ---- and to look at
    void put_shape(const impl::Text& out, const TensorDesc& d) const;
    void describe(const impl::Text& out) const;
    void dot(const impl::Text& out) const;
};

// ---- 1: what a graph means ----------------------------------------------------------------

const char* CompiledLayer::State::check_source(const CompilerGraph& g, const CompilerNode& n) const {
    const bool weight = n.op == CompilerOp::weight;
    if (n.desc.dtype == DType::blocks && !weight)                return "only a weight may be quantised";
    if (weight && (n.desc.open || n.desc.indices)) return "a weight has a known number of rows, and no indices";
    if (n.desc.indices && n.desc.cols != 1)                      return "indices are one column";
    if (weight && !n.name[0])                                    return "a weight needs a name";
    for (size_t i = 0; weight && i < g.size() && &g.node(i) != &n; i++)
        if (g.node(i).op == CompilerOp::weight && strcmp(g.node(i).name, n.name) == 0)
            return "there is another weight of this name";
    return impl::check_desc(n.desc);
}
const char* CompiledLayer::State::check_node(const CompilerGraph& g, const CompilerNode& n) {
    static constexpr uint8_t least[] = {0, 0, 1, 2, 2, 1, 1, 2, 1, 2}, most[] = {0, 0, 3, 2, 2, 1, 1, 4, 1, 2};
    const size_t op = static_cast<size_t>(n.op);
    if (!memchr(n.name, 0, sizeof n.name))                       return "a name ends within its 48 bytes";
    if (op >= sizeof least)                                      return "this is no operation of a graph";
    if (n.inputs < least[op] || n.inputs > most[op]) return "another number of operands than the operation has";
    for (size_t i = 0; i < n.inputs; i++)
        if (n.input[i] >= g.size())                              return "an operand does not exist";
    if (n.op == CompilerOp::kernel && (n.kind > OpKind::user || (n.kind == OpKind::user && !n.trace)))
        return "this is no kind of operation";
    return impl::is_source(n.op) ? check_source(g, n) : nullptr;
}

/// Nodes that outputs depend on, then all others, each behind its operands.
Status CompiledLayer::State::visit(const CompilerGraph& g, Checked& c, impl::List<uint8_t>& next,
        impl::List<uint32_t>& stack,
        uint32_t root) {
    constexpr uint8_t unseen = 255, done = 254;
    if (next[root] != unseen) return impl::success;
    size_t depth = 0;
    stack[depth++] = root;
    next[root] = 0;
    while (depth) {
        const uint32_t v = stack[depth - 1];
        if (next[v] == g.node(v).inputs) {
            next[v] = done;
            depth--;
            if (!c.order.push(v)) return impl::out_of_nodes();
            continue;
        }
        const uint32_t u = g.node(v).input[next[v]++];
        if (next[u] == done) continue;
        culprit = u;
        if (next[u] != unseen) return impl::malformed("this node depends on itself");
        next[u] = 0;
        stack[depth++] = u;
    }
    return impl::success;
}
Status CompiledLayer::State::sort(const CompilerGraph& g, Checked& c) {
    impl::List<uint8_t>  next;
    impl::List<uint32_t> stack;
    if (!next.fill(g.size(), 255) || !stack.fill(g.size(), 0)) return impl::out_of_nodes();
    for (const CompilerGraph::Output& o : g.outputs())
        if (Status s = visit(g, c, next, stack, o.node); !s) return s;
    c.reached = c.order.size();
    for (uint32_t i = 0; i < g.size(); i++)
        if (Status s = visit(g, c, next, stack, i); !s) return s;
    return impl::success;
}

Status CompiledLayer::State::infer(const CompilerGraph& g, Checked& c) {
    if (!c.descs.fill(g.size(), TensorDesc())) return impl::out_of_nodes();
    for (uint32_t v : c.order) {
        const CompilerNode& n = g.node(v);
        TensorDesc          in[4], out = n.desc;
        const CompilerNode* from[4] = {};
        const char*         wrong = nullptr;
        culprit = v;
        for (size_t i = 0; i < n.inputs; i++) { in[i] = c.descs[n.input[i]]; from[i] = &g.node(n.input[i]); }
        if (n.op == CompilerOp::kernel) {
            const OpTrace* const t = n.kind == OpKind::user ? n.trace : registry.find(n.kind);
            if (!t) return impl::out_of_nodes();
            wrong = impl::infer_kernel(n, *t, in, &out);
        }
        else if (n.op == CompilerOp::matmul || n.op == CompilerOp::matmul_t) wrong = impl::infer_matmul(n, in, &out);
        else if (n.op == CompilerOp::embedding) wrong = impl::infer_embedding(from, in, &out);
        else if (!impl::is_source(n.op))                                     wrong = impl::infer_layout(n, in, &out);
        if (!wrong) wrong = impl::check_desc(out);
        if (wrong) return impl::malformed(wrong);
        if (out.dtype == DType::blocks && !kernels.table().formats[static_cast<size_t>(out.quant)].dequant)
            return {Code::unsupported, "this format was left out of this build"};
        c.descs[v] = out;
    }
    return impl::success;
}
Status CompiledLayer::State::check_graph(const CompilerGraph& g, Checked& c) {
    if (!g.complete())
        return {Code::out_of_memory,
                "the graph was not completed, for want of memory or of node numbers: it may have 8192"};
    if (g.outputs().size() == 0) return impl::malformed("a graph has outputs");
    for (uint32_t i = 0; i < g.size(); i++) {
        culprit = i;
        if (const char* wrong = check_node(g, g.node(i))) return impl::malformed(wrong);
    }
    culprit = no_node;
    for (const CompilerGraph::Output& o : g.outputs()) {
        if (o.node >= g.size()) return impl::malformed("an output does not exist");
        culprit = o.node;
        if (o.dtype > DType::bf16) return impl::malformed("an output is f32, f16 or bf16");
    }
    if (Status s = sort(g, c); !s) return s;
    if (Status s = infer(g, c); !s) return s;
    for (const CompilerGraph::Output& o : g.outputs()) {
        culprit = o.node;
        if (!impl::of_floats(c.descs[o.node])) return impl::malformed("indices and quantised weights are no outputs");
    }
    culprit = no_node;
    return impl::success;
}

/// Figures of a node whose operands are known.
void CompiledLayer::State::weigh(SemanticNode& n, const OpTrace* t) const {
    size_t bytes = 0;
    impl::bytes_of(n.desc, 1, &bytes);
    n.bytes = static_cast<double>(bytes);
    for (size_t i = 0; i < n.inputs; i++) {
        const TensorDesc& d = dag.nodes[n.input[i]].desc;
        impl::bytes_of(d, 1, &bytes);
        n.bytes += static_cast<double>(bytes);
    }
    const TensorDesc& shape = n.inputs ? dag.nodes[n.input[0]].desc : n.desc;
    const double elements = static_cast<double>(n.desc.rows) * static_cast<double>(n.desc.cols);
    const double over = n.op_class == OpClass::reduction
            ? static_cast<double>(shape.rows) * static_cast<double>(shape.cols) : elements;
    n.flops = t ? over * impl::flops_of(*t)
            : impl::is_product(n.op) ? 2 * elements * static_cast<double>(shape.cols) : 0;
    n.bottleneck = n.flops > n.bytes * profile.flops_per_byte ? Bottleneck::compute : Bottleneck::memory;
}
uint32_t CompiledLayer::State::push(SemanticNode& n, const CompilerNode& of) {
    const OpTrace* const t = n.op != CompilerOp::kernel ? nullptr
            : n.kind == OpKind::user ? of.trace : registry.find(n.kind);
    n.op_class = impl::class_of(n.op, t, impl::is_product(n.op) && dag.nodes[n.input[1]].desc.dtype == DType::blocks);
    n.uses = 0;
    const bool named = of.name[0] && n.op != CompilerOp::convert;
    impl::copy_name(n.name, named ? of.name : impl::op_name(n.op, n.kind, of.trace));
    weigh(n, t);
    for (size_t i = 0; i < n.inputs; i++) dag.nodes[n.input[i]].uses++;
    const uint32_t v = static_cast<uint32_t>(dag.nodes.size());
    impl::ValuePlace place = {impl::Where::buffer, 0, v, no_node, 0, 0, 0, 0, 0, nullptr, 0};
    if (n.op_class == OpClass::source) place.where = impl::Where::source;
    if (n.op_class == OpClass::view)   { place.where = impl::Where::view; place.root = values[n.input[0]].root; }
    return dag.nodes.push(n) && values.push(place) ? v : no_node;
}
uint32_t CompiledLayer::State::push_convert(const CompilerNode& of, uint32_t node, uint32_t from, DType to) {
    SemanticNode n = {};
    n.node     = node;
    n.op       = CompilerOp::convert;
    n.kind     = OpKind::user;
    n.inputs   = 1;
    n.input[0] = from;
    n.desc     = dag.nodes[from].desc;
    n.desc.dtype = to;
    return push(n, of);
}
/// The floats of a source of 16 bits; any other as it is.
uint32_t CompiledLayer::State::widened(const CompilerGraph& g, const Checked& c, impl::List<uint32_t>& at,
        impl::List<uint32_t>& wide,
        uint32_t node) {
    const TensorDesc& d = c.descs[node];
    if (d.dtype == DType::f32 || d.dtype == DType::blocks) return at[node];
    if (wide[node] == no_node) wide[node] = push_convert(g.node(node), node, at[node], DType::f32);
    return wide[node];
}
Status CompiledLayer::State::build_map(uint32_t v, const CompilerNode& n) {
    if (n.op != CompilerOp::kernel || impl::has_kernel(n.kind)) return impl::success;
    const OpTrace* const t = n.kind == OpKind::user ? n.trace : registry.find(n.kind);
    impl::ValuePlace& place = values[v];
    place.steps     = static_cast<uint32_t>(steps.size());
    place.constants = static_cast<uint32_t>(constants.size());
    const Status s = impl::MapBuilder(*t, n.parameter, steps, constants).build();
    place.step_count     = static_cast<uint32_t>(steps.size()) - place.steps;
    place.constant_count = static_cast<uint32_t>(constants.size()) - place.constants;
    return s;
}

Status CompiledLayer::State::lower(const CompilerGraph& g, const Checked& c) {
    impl::List<uint32_t> at, wide;                              // nodes of the DAG, by those of the graph
    if (!at.fill(g.size(), no_node) || !wide.fill(g.size(), no_node)) return impl::out_of_nodes();
    uint32_t inputs = 0;
    for (uint32_t i = 0; i < g.size(); i++) {                   // sources first, used or not
        const CompilerNode& n = g.node(i);
        if (!impl::is_source(n.op)) continue;
        SemanticNode s = {};
        s.node = i;
        s.op   = n.op;
        s.kind = OpKind::user;
        s.desc = c.descs[i];
        at[i]  = push(s, n);
        if (at[i] == no_node) return impl::out_of_nodes();
        values[at[i]].index = static_cast<uint32_t>(sources.size());
        const uint32_t number = n.op == CompilerOp::input ? inputs++ : no_node;
        if (!sources.push({at[i], number, nullptr, 0})) return impl::out_of_nodes();
    }
    for (size_t i = 0; i < c.reached; i++) {
        const CompilerNode& n = g.node(c.order[i]);
        if (impl::is_source(n.op)) continue;
        SemanticNode s = {};
        culprit  = s.node = c.order[i];
        s.op     = n.op;
        s.kind   = n.kind;
        s.inputs = n.inputs;
        s.desc   = c.descs[s.node];
        memcpy(s.parameter, n.parameter, sizeof s.parameter);
        memcpy(s.size, n.size, sizeof s.size);
        for (size_t j = 0; j < n.inputs; j++) {
            const bool as_it_is = n.op == CompilerOp::embedding || (n.op == CompilerOp::matmul_t && j == 1);
            s.input[j] = as_it_is ? at[n.input[j]] : widened(g, c, at, wide, n.input[j]);
            if (s.input[j] == no_node) return impl::out_of_nodes();
        }
        at[s.node] = push(s, n);
        if (at[s.node] == no_node) return impl::out_of_nodes();
        if (Status st = build_map(at[s.node], n); !st) return st;
    }
    return lower_outputs(g, c, at, wide);
}
/// An output is a value of its own: a copy where it is a source, a view, an output already, or of 16 bits.
Status CompiledLayer::State::lower_outputs(const CompilerGraph& g, const Checked& c, impl::List<uint32_t>& at,
        impl::List<uint32_t>& wide) {
    for (const CompilerGraph::Output& o : g.outputs()) {
        uint32_t v = o.dtype == c.descs[o.node].dtype ? at[o.node] : widened(g, c, at, wide, o.node);
        if (v == no_node) return impl::out_of_nodes();
        if (o.dtype != DType::f32 || values[v].where != impl::Where::buffer)
            v = push_convert(g.node(o.node), o.node, v, o.dtype);
        if (v == no_node) return impl::out_of_nodes();
        values[v].where = impl::Where::output;
        values[v].index = static_cast<uint32_t>(outputs.size());
        if (!outputs.push(v) || !output_bytes.push(0)) return impl::out_of_nodes();
    }
    for (uint32_t v = 0; v < dag.nodes.size(); v++)
        if (dag.nodes[v].op == CompilerOp::embedding && !embeddings.push(v)) return impl::out_of_nodes();
    return impl::success;
}

// ---- 2: what is computed together -----------------------------------------------------------
//
// Groups are numbered in order of execution: no node reads a group behind its own. A new node joins the last group that
// it reads, or begins one; then the other groups that it reads join it, where nothing in between waits for them.

/// Can v be computed tile by tile with the group, once its other operands are there? Not where it reads a value of the
/// group by a view, which may need all rows of it.
bool CompiledLayer::State::joins(uint32_t v, uint32_t group, const Candidate& c) const {
    const SemanticNode& n = dag.nodes[v];
    for (size_t i = 0; i < n.inputs; i++)
        if (values[n.input[i]].root != n.input[i] && values[values[n.input[i]].root].group == group) return false;
    return c.open && c.size < impl::most_in_group && impl::same_rows(c.rows, n.desc);
}
/// Of the nodes up to v, does none read the group before `until`, nor one of `until` read it by a view?
bool CompiledLayer::State::can_wait(uint32_t v, uint32_t group, uint32_t until) const {
    for (uint32_t w = 0; w <= v; w++) {
        const uint32_t by = values[w].group;
        if (by == no_node || by <= group || by > until) continue;
        const SemanticNode& n = dag.nodes[w];
        for (size_t i = 0; i < n.inputs; i++) {
            const uint32_t root = values[n.input[i]].root;
            if (values[root].group == group && (by < until || n.input[i] != root)) return false;
        }
    }
    return true;
}
Status CompiledLayer::State::fuse() {
    impl::List<Candidate> groups;
    for (uint32_t v = 0; v < dag.nodes.size(); v++) {
        const SemanticNode& n = dag.nodes[v];
        if (n.op_class == OpClass::source || n.op_class == OpClass::view) continue;
        uint32_t last = no_node;
        for (size_t i = 0; i < n.inputs; i++) {
            const uint32_t by = values[values[n.input[i]].root].group;
            if (by != no_node && (last == no_node || by > last)) last = by;
        }
        const bool fusable = options.loop_fusion && impl::by_rows(n.op);
        if (fusable && last != no_node && joins(v, last, groups[last])) {
            values[v].group = last;
            groups[last].size++;
        } else {
            values[v].group = static_cast<uint32_t>(groups.size());
            if (!groups.push({n.desc, 1, fusable})) return impl::out_of_nodes();
        }
        const uint32_t own = values[v].group;
        for (size_t i = 0; fusable && i < n.inputs; i++) {
            const uint32_t u = n.input[i], other = values[u].group;
            if (values[u].root != u || other == no_node || other == own || !groups[other].open) continue;
            if (!impl::same_rows(groups[other].rows, n.desc)
                    || groups[other].size + groups[own].size > impl::most_in_group) continue;
            if (!can_wait(v, other, own)) continue;
            for (uint32_t w = 0; w <= v; w++) if (values[w].group == other) values[w].group = own;
            groups[own].size += groups[other].size;
            groups[other].size = 0;
        }
    }
    return collect(groups);
}
/// Numbers the groups that are left, and lists their nodes.
Status CompiledLayer::State::collect(const impl::List<Candidate>& groups) {
    impl::List<uint32_t> number, next;
    uint32_t nodes = 0;
    for (const Candidate& c : groups) {
        if (!number.push(static_cast<uint32_t>(fusion.groups.size())) || !next.push(nodes)) return impl::out_of_nodes();
        if (c.size == 0) continue;
        const FusionStrategy s = c.size > 1 ? FusionStrategy::loop_fusion : FusionStrategy::single;
        const FusionGroup made = {s, true, true, nodes, nodes + c.size, 0, 0, no_node, 0, 0, no_node, false};
        if (!fusion.groups.push(made)) return impl::out_of_nodes();
        nodes += c.size;
    }
    if (!fusion.nodes.fill(nodes, 0)) return impl::out_of_nodes();
    for (uint32_t v = 0; v < dag.nodes.size(); v++) {
        const uint32_t by = values[v].group;
        if (by == no_node) continue;
        const SemanticNode& n = dag.nodes[v];
        FusionGroup&        g = fusion.groups[number[by]];
        fusion.nodes[next[by]++] = v;
        values[v].group = number[by];
        if (!impl::by_rows(n.op)) g.strategy = FusionStrategy::kernel_call;
        g.columns = g.columns && n.op_class == OpClass::elementwise;
        for (size_t i = 0; i < n.inputs; i++) g.flat = g.flat && !impl::spreads(dag.nodes[n.input[i]].desc, n.desc);
        g.flat = g.flat && g.columns;
    }
    return impl::success;
}

// ---- 2: rows that go through several groups ---------------------------------------------------------

/// Products by a weight that is worth packing.
Status CompiledLayer::State::find_packed() {
    for (uint32_t v = 0; options.pack_weights && v < dag.nodes.size(); v++) {
        const SemanticNode& n = dag.nodes[v];
        if (!impl::is_product(n.op)) continue;
        const SemanticNode& w = dag.nodes[n.input[1]];
        size_t bytes = 0;
        if (w.op != CompilerOp::weight || w.desc.dtype != DType::f32) continue;
        if (!impl::bytes_of(w.desc, 1, &bytes) || bytes > profile.l2_bytes || n.desc.cols < 4) continue;
        if (!packed.push({v, n.input[1], nullptr, nullptr})) return impl::out_of_nodes();
    }
    return impl::success;
}
const impl::PackedWeight* CompiledLayer::State::packed_for(uint32_t product) const {
    for (const impl::PackedWeight& w : packed) if (w.product == product) return &w;
    return nullptr;
}
/// Are these operations elementwise on all of the product's shape, and do they read it as it is?
bool CompiledLayer::State::runs_on_sums(const FusionGroup& g, uint32_t product) const {
    const TensorDesc& d = dag.nodes[product].desc;
    bool reads = false;
    for (uint32_t i = g.begin; i < g.end; i++) {
        const SemanticNode& n = dag.nodes[node_at(i)];
        if (n.op_class != OpClass::elementwise || n.desc.cols != d.cols || !impl::same_rows(n.desc, d)) return false;
        for (size_t j = 0; j < n.inputs; j++) {
            if (values[n.input[j]].root != product) continue;
            if (n.input[j] != product || impl::spreads(d, n.desc)) return false;
            reads = true;
        }
    }
    return reads;
}
/// Groups that can run on the sums of the product before them.
void CompiledLayer::State::find_injected() {
    for (uint32_t i = 0; i + 1 < fusion.groups.size(); i++) {
        const uint32_t v = node_at(fusion.groups[i].begin);
        FusionGroup&   next = fusion.groups[i + 1];
        next.injected = next.band == fusion.groups[i].band && next.strategy != FusionStrategy::kernel_call
                && can_emit_product(v) && runs_on_sums(next, v);
    }
}
/// Can this group follow those from `begin` on over a band of rows? Not where it reads a value of theirs by a view,
/// which may need all rows of it.
bool CompiledLayer::State::continues(uint32_t begin, uint32_t group) const {
    const FusionGroup& g = fusion.groups[group];
    if (g.strategy == FusionStrategy::kernel_call && !packed_for(node_at(g.begin))) return false;
    const uint32_t first = node_at(fusion.groups[begin].begin);
    if (!impl::same_rows(dag.nodes[node_at(g.begin)].desc, dag.nodes[first].desc)) return false;
    for (uint32_t i = g.begin; i < g.end; i++) {
        const SemanticNode& n = dag.nodes[node_at(i)];
        for (size_t j = 0; j < n.inputs; j++) {
            const uint32_t root = values[n.input[j]].root, by = values[root].group;
            if (root != n.input[j] && by != no_node && by >= begin) return false;
        }
    }
    return true;
}
Status CompiledLayer::State::find_bands() {
    uint32_t begin = 0;
    bool     product = false;
    for (uint32_t i = 0; options.row_bands && i <= fusion.groups.size(); i++) {
        if (i == fusion.groups.size() || !continues(begin, i)) {
            if (product && i - begin > 1) {
                for (uint32_t j = begin; j < i; j++) fusion.groups[j].band = static_cast<uint32_t>(fusion.bands.size());
                if (!fusion.bands.push({begin, i, 0, 0})) return impl::out_of_nodes();
            }
            product = false;
            begin   = i;
            if (i == fusion.groups.size()) break;
            if (!continues(i, i)) { begin = i + 1; continue; }
        }
        product = product || fusion.groups[i].strategy == FusionStrategy::kernel_call;
    }
    return impl::success;
}

// ---- 2: where values lie ------------------------------------------------------------------------

/// Slots of a tile for the values that only their group reads.
void CompiledLayer::State::fill_slots(FusionGroup& g, uint32_t group) {
    uint64_t free = ~uint64_t(0);
    const auto read_last = [&](uint32_t u, uint32_t i) {        // by the node at i?
        for (uint32_t k = i + 1; k < g.end; k++) {
            const SemanticNode& n = dag.nodes[node_at(k)];
            for (size_t j = 0; j < n.inputs; j++) if (n.input[j] == u) return false;
        }
        return true;
    };
    for (uint32_t i = g.begin; i < g.end; i++) {
        const uint32_t v = node_at(i);
        const SemanticNode& n = dag.nodes[v];
        uint64_t now = 0, later = 0;
        for (size_t j = 0; j < n.inputs; j++) {
            const uint32_t u = n.input[j];
            if (values[u].where != impl::Where::tile || values[u].group != group || !read_last(u, i)) continue;
            const uint64_t slot = uint64_t(1) << values[u].index;
            (options.in_place && impl::takes_place(n, j) ? now : later) |= slot;
        }
        free |= now & ~later;
        if (values[v].where == impl::Where::tile) {
            values[v].index = 0;
            while (!(free >> values[v].index & 1)) values[v].index++;
            free &= ~(uint64_t(1) << values[v].index);
            if (values[v].index >= g.slots) g.slots = values[v].index + 1;
        } else {
            g.streams++;
        }
        for (size_t j = 0; j < n.inputs; j++) g.streams += values[n.input[j]].where != impl::Where::tile;
        free |= later;
    }
}
/// Is u, a value of an earlier group, read for the last time by the node at `position`, which may write over it?
bool CompiledLayer::State::last_read(uint32_t u, uint32_t group, uint32_t position) const {
    if (values[u].last != group) return false;
    const FusionGroup& g = fusion.groups[group];
    if (g.injected) {                                           // the product before may still read it
        const SemanticNode& product = dag.nodes[node_at(g.begin - 1)];
        for (size_t j = 0; j < product.inputs; j++) if (values[product.input[j]].root == u) return false;
    }
    for (uint32_t i = g.begin; i < g.end; i++) {
        const SemanticNode& n = dag.nodes[node_at(i)];
        for (size_t j = 0; j < n.inputs; j++) {
            if (values[n.input[j]].root != u) continue;
            if (n.input[j] != u || i > position || (i == position && !impl::takes_place(n, j))) return false;
        }
    }
    return true;
}
Status CompiledLayer::State::place_buffer(uint32_t v, uint32_t group, uint32_t position, impl::List<uint32_t>& owner) {
    const TensorDesc& d = dag.nodes[v].desc;
    const bool may = options.in_place && impl::by_rows(dag.nodes[v].op);
    for (uint32_t i = fusion.groups[group].begin; may && i <= position; i++) {
        const SemanticNode& n = dag.nodes[node_at(i)];
        for (size_t j = 0; j < n.inputs; j++) {
            const uint32_t u = n.input[j], a = values[u].index;
            if (values[u].where != impl::Where::buffer || values[u].group == group || owner[a] != u) continue;
            if (!impl::same_rows(dag.nodes[u].desc, d) || dag.nodes[u].desc.cols != d.cols
                    || !last_read(u, group, position)) continue;
            buffers.allocs[a].end = values[v].last;
            buffers.allocs[a].values++;
            owner[a] = v;
            values[v].index = a;
            return impl::success;
        }
    }
    values[v].index = static_cast<uint32_t>(buffers.allocs.size());
    const BufferAlloc own = {BufferUse::value, v, group, values[v].last, 1, no_node, 0, 0};
    const bool        ok  = buffers.allocs.push(own) && owner.push(v);
    return ok ? impl::success : impl::out_of_nodes();
}
/// The last group that may be computed together with this one.
uint32_t CompiledLayer::State::behind(uint32_t group) const {
    return group + (group + 1 < fusion.groups.size() && fusion.groups[group + 1].injected);
}
Status CompiledLayer::State::place_values() {
    impl::List<uint8_t> kept;                                   // read outside of its group
    if (!kept.fill(dag.nodes.size(), 0)) return impl::out_of_nodes();
    for (uint32_t w = 0; w < dag.nodes.size(); w++) {
        const SemanticNode& n = dag.nodes[w];
        if (values[w].group == no_node) continue;
        for (size_t j = 0; j < n.inputs; j++) {
            const uint32_t root = values[n.input[j]].root;
            const uint32_t until = behind(values[w].group);
            if (until > values[root].last) values[root].last = until;
            if (values[w].group != values[root].group) kept[root] = 1;
        }
    }
    impl::List<uint32_t> owner;                                 // the last value of each alloc
    for (uint32_t i = 0; i < fusion.groups.size(); i++) {
        FusionGroup& g = fusion.groups[i];
        for (uint32_t k = g.begin; k < g.end; k++)
            if (values[node_at(k)].where == impl::Where::buffer && !kept[node_at(k)])
                values[node_at(k)].where = impl::Where::tile;
        fill_slots(g, i);
        for (uint32_t k = g.begin; k < g.end; k++)
            if (values[node_at(k)].where == impl::Where::buffer)
                if (Status s = place_buffer(node_at(k), i, k, owner); !s) return s;
        const uint32_t v = node_at(g.begin);
        const BufferUse use = impl::is_product(dag.nodes[v].op) ? BufferUse::workspace : BufferUse::tiles;
        if (use == BufferUse::tiles && !g.slots) continue;
        g.scratch = static_cast<uint32_t>(buffers.allocs.size());
        if (!buffers.allocs.push({use, v, i, i, 0, g.band, 0, 0}) || !owner.push(no_node)) return impl::out_of_nodes();
    }
    keep_in_bands();
    const size_t n = buffers.allocs.size();
    const impl::GroupPlan unknown = {{1, 1, 1, 0, 0}, 0, 0, false};
    const bool ok = order.fill(n, 0) && placed.fill(n, 0) && planned.fill(fusion.groups.size(), unknown);
    return ok ? impl::success : impl::out_of_nodes();
}

/// A value that one band alone writes and reads needs memory for the rows of the band; any other lives as long as the
/// bands that it begins and ends in.
void CompiledLayer::State::keep_in_bands() {
    for (size_t i = 0; i < buffers.allocs.size(); i++) {
        BufferAlloc&   a = buffers.allocs[i];
        const uint32_t first = fusion.groups[a.begin].band, last = fusion.groups[a.end].band;
        if (a.use != BufferUse::value) continue;
        if (first == last && first != no_node) { a.band = first; continue; }
        if (first != no_node) a.begin = fusion.bands[first].begin;
        if (last != no_node)  a.end   = fusion.bands[last].end - 1;
    }
}

/// Tiles as large as the first-level cache holds with all that they are read from and written to; what goes over them
/// once has larger ones.
impl::Tile CompiledLayer::State::tile_of(const FusionGroup& g, size_t all) const {
    const bool   alone = g.strategy == FusionStrategy::single || one_pass(g);
    const size_t bytes = alone ? profile.l2_bytes / 4 : options.tile_bytes ? options.tile_bytes : profile.l1_bytes / 2;
    const size_t fits = bytes / 4 / (g.slots + g.streams), elements = fits < 64 ? 64 : fits / 64 * 64;
    size_t cols = 1;
    for (uint32_t i = g.begin; i < g.end; i++)
        if (dag.nodes[node_at(i)].desc.cols > cols) cols = dag.nodes[node_at(i)].desc.cols;
    impl::Tile t = {1, cols, 1, 0, 0};
    if (g.flat) {
        t.cols  = all * cols < elements ? all * cols : elements;
        t.count = t.in_row = t.cols ? (all * cols + t.cols - 1) / t.cols : 0;
    } else {
        if (g.columns && cols > elements) t.cols = elements;
        else if (cols < elements)         t.rows = elements / cols < all || !all ? elements / cols : all;
        t.in_row = (cols + t.cols - 1) / t.cols;
        t.count  = (all + t.rows - 1) / t.rows * t.in_row;
    }
    t.slot_bytes = impl::lines(t.rows * t.cols * sizeof(float));
    return t;
}
size_t CompiledLayer::State::all_rows(uint32_t group, size_t rows) const {
    size_t all = 0;
    impl::rows_of(dag.nodes[node_at(fusion.groups[group].begin)].desc, rows, &all);
    return all;
}
/// As many rows as a quarter of the second-level cache holds with all operands and results of a group, and as leave
/// work for all threads; whole tiles of the nest, as any split of a product.
void CompiledLayer::State::plan_band(FusionBand& band, size_t rows, const Parallel& p) const {
    const size_t all = all_rows(band.begin, rows), mr = kernels.table().gemm->mr;
    size_t most = 1;
    double work = 0;
    for (uint32_t i = band.begin; i < band.end; i++) {
        const FusionGroup& g = fusion.groups[i];
        size_t row = 0;
        work += planned[i].work;
        for (uint32_t k = g.begin; k < g.end; k++) {
            const SemanticNode& n = dag.nodes[node_at(k)];
            row += n.desc.cols;
            for (size_t j = 0; j < n.inputs; j++)
                if (impl::same_rows(dag.nodes[n.input[j]].desc, n.desc)) row += dag.nodes[n.input[j]].desc.cols;
        }
        if (row > most) most = row;
    }
    const size_t width = impl::width_of(impl::worth(p, work)), share = (all + width - 1) / width;
    const size_t fits  = (options.tile_bytes ? options.tile_bytes : profile.l2_bytes / 4) / sizeof(float) / most;
    const size_t some  = fits < share ? fits : share;
    const size_t least = options.tile_bytes ? mr : 2 * mr, tiles = (some + mr - 1) / mr * mr;
    band.rows = tiles < least ? least : tiles;
    if (band.rows > all) band.rows = all;
    const size_t count = band.rows ? (all + band.rows - 1) / band.rows : 1;
    band.tasks = count < width ? count : width;
}
void CompiledLayer::State::plan_groups(size_t rows, const Parallel& p) {
    for (uint32_t i = 0; i < fusion.groups.size(); i++) {
        const FusionGroup& g = fusion.groups[i];
        planned[i].rows = all_rows(i, rows);
        planned[i].work = 0;
        for (uint32_t k = g.begin; k < g.end; k++) {
            const SemanticNode& n = dag.nodes[node_at(k)];
            planned[i].work += (n.flops + n.bytes / 4) * (n.desc.open ? static_cast<double>(rows) : 1);
        }
    }
    for (size_t i = 0; i < fusion.bands.size(); i++) {
        FusionBand& band = fusion.bands[i];
        plan_band(band, rows, p);
        for (uint32_t j = band.begin; j < band.end; j++) planned[j].rows = band.rows;
    }
    for (uint32_t i = 0; i < fusion.groups.size(); i++) {
        const FusionGroup& g = fusion.groups[i];
        planned[i].by_code = g.strategy == FusionStrategy::kernel_call && g.units
                && has_sums_of_code(node_at(g.begin), all_rows(i, rows));
        if (g.strategy != FusionStrategy::kernel_call) planned[i].tile = tile_of(g, planned[i].rows);
    }
}
/// Are the sums of this product of so many rows, by the kernels, those of machine code: chains in order of k?
bool CompiledLayer::State::has_sums_of_code(uint32_t v, size_t all) const {
    const impl::Form      form = packed_for(v) ? impl::Form::packed : impl::Form::rows;
    const SemanticNode&   n = dag.nodes[v];
    const impl::GemmKernels& g = *kernels.table().gemm;
    const size_t cols = n.desc.cols, depth = dag.nodes[n.input[0]].desc.cols;
    const impl::DensePath path = impl::dense_path(form, g, all, cols, depth);
    const bool packed_b = form == impl::Form::packed;
    if (path == impl::DensePath::nest) return !g.in_tiles || !g.in_tiles(packed_b, all, cols, depth);
    return path == impl::DensePath::in_caches || path == impl::DensePath::panels;
}
/// For m of all rows of a product.
Status CompiledLayer::State::product_bytes(uint32_t v, size_t m, size_t all, const Parallel& p, size_t* bytes) const {
    const SemanticNode& n = dag.nodes[v];
    CpuKernels<float>   k = kernels;
    k.parallel = p;
    const TensorDesc& w = dag.nodes[n.input[1]].desc;
    const size_t      depth = dag.nodes[n.input[0]].desc.cols;
    const impl::Form  plain = n.op == CompilerOp::matmul ? impl::Form::rows : impl::Form::transposed;
    const impl::Form  form = packed_for(v) ? impl::Form::packed : plain;
    const impl::DensePath path = impl::dense_path(form, *k.table().gemm, all, n.desc.cols, depth);
    *bytes = 0;
    if (w.dtype != DType::blocks && path != impl::DensePath::nest) return impl::success;
    *bytes = w.dtype == DType::blocks ? k.matmul_workspace_bytes(w.quant, m, n.desc.cols, depth, options.precision)
                                      : k.gemm_workspace_bytes(m, n.desc.cols, depth);
    return *bytes ? impl::success : impl::too_many_rows;
}
Status CompiledLayer::State::alloc_bytes(BufferAlloc& a, size_t rows, const Parallel& p) const {
    const SemanticNode& n = dag.nodes[a.node];
    const size_t tasks = a.band == no_node ? 1 : fusion.bands[a.band].tasks, m = planned[a.begin].rows;
    const Parallel own = tasks > 1 ? Parallel() : p;
    if (a.use == BufferUse::value) {
        if (planned[a.begin].by_code && a.values == 1 && a.end == behind(a.begin)) a.bytes = 0;    // never stored
        else if (a.band == no_node) impl::bytes_of(n.desc, rows, &a.bytes);
        else                   a.bytes = m * n.desc.cols * impl::element_bytes(n.desc);
    } else if (a.use == BufferUse::tiles) {
        const FusionGroup& g = fusion.groups[a.begin];
        if (one_pass(g) || with_product(a.begin)) a.bytes = 0;
        else if (!impl::times(impl::width_of(own) * g.slots, planned[a.begin].tile.slot_bytes, &a.bytes))
            return impl::too_many_rows;
    } else {                                                    // not monotone in m: the last band may need more
        const size_t all = all_rows(a.begin, rows), last = a.band == no_node || !m ? 0 : all % m;
        size_t more = 0;
        if (Status s = product_bytes(a.node, m, all, own, &a.bytes); !s) return s;
        if (Status s = product_bytes(a.node, last, all, own, &more); !s) return s;
        if (more > a.bytes) a.bytes = more;
    }
    a.bytes = impl::lines(a.bytes);
    if (a.bytes > SIZE_MAX / 2 || !impl::times(a.bytes, tasks, &a.bytes)) return impl::too_many_rows;
    return a.bytes <= SIZE_MAX / 2 ? impl::success : impl::too_many_rows;
}
/// Do these two live at a time? Tasks of a band may be in different groups of it.
bool CompiledLayer::State::meet(const BufferAlloc& a, const BufferAlloc& b) const {
    if (!options.share_buffers) return true;
    const auto several = [this](const BufferAlloc& c) { return c.band != no_node && fusion.bands[c.band].tasks > 1; };
    const auto first   = [&](const BufferAlloc& c) { return several(c) ? fusion.bands[c.band].begin : c.begin; };
    const auto last    = [&](const BufferAlloc& c) { return several(c) ? fusion.bands[c.band].end - 1 : c.end; };
    return first(a) <= last(b) && first(b) <= last(a);
}
/// Each alloc, the larger first, at the lowest offset where nothing that lives with it is.
Status CompiledLayer::State::plan_buffers(size_t rows, const Parallel& p) {
    if (buffers.rows == rows && planned_width == impl::width_of(p) && rows) return impl::success;
    size_t bytes = 0;
    buffers.rows = 0;
    for (const SemanticNode& n : dag.nodes) if (!impl::bytes_of(n.desc, rows, &bytes)) return impl::too_many_rows;
    impl::List<BufferAlloc>& all = buffers.allocs;
    plan_groups(rows, p);
    for (uint32_t i = 0; i < all.size(); i++) {
        if (Status s = alloc_bytes(all[i], rows, p); !s) return s;
        uint32_t j = i;
        for (; j && all[order[j - 1]].bytes < all[i].bytes; j--) order[j] = order[j - 1];
        order[j] = i;
    }
    buffers.bytes = 0;
    for (uint32_t i = 0; i < order.size(); i++) {
        BufferAlloc& a = all[order[i]];
        a.offset = 0;
        for (uint32_t j = 0; j < i; j++) {
            const BufferAlloc& b = all[placed[j]];
            if (!meet(a, b)) continue;
            if (a.offset + a.bytes <= b.offset) break;
            if (b.offset + b.bytes > a.offset) a.offset = b.offset + b.bytes;
        }
        if (a.offset > SIZE_MAX / 2 - a.bytes) return impl::too_many_rows;
        if (a.offset + a.bytes > buffers.bytes) buffers.bytes = a.offset + a.bytes;
        uint32_t j = i;
        for (; j && all[placed[j - 1]].offset > a.offset; j--) placed[j] = placed[j - 1];
        placed[j] = order[i];
    }
    for (size_t i = 0; i < values.size(); i++) {
        if (values[i].where != impl::Where::buffer) continue;
        const BufferAlloc& a = all[values[i].index];
        values[i].each = a.band == no_node ? 0 : a.bytes / fusion.bands[a.band].tasks;
    }
    buffers.rows  = rows;
    planned_width = impl::width_of(p);
    return impl::success;
}

// ---- 3: the interpreter ------------------------------------------------------------------------------

/// One row, or elements of any number of rows; norms of `rows` rows.
void CompiledLayer::State::run_kernel(uint32_t v, const float* const* in, float* out, size_t n, size_t rows) const {
    const KernelTable<float>& t = kernels.table();
    const SemanticNode& s = dag.nodes[v];
    const float* const  x = in[0];
    const size_t        cols = dag.nodes[s.input[0]].desc.cols, turned = s.size[1] ? s.size[1] : s.size[0];
    const auto in_place = [&] { if (out != x) memcpy(out, x, n * sizeof(float)); return out; };
    switch (s.kind) {
        case OpKind::add:        t.vec_add(x, in[1], out, n); return;
        case OpKind::sub:        t.vec_sub(x, in[1], out, n); return;
        case OpKind::mul:        t.vec_mul(x, in[1], out, n); return;
        case OpKind::scale:      t.vec_scale(in_place(), s.parameter[0], n); return;
        case OpKind::axpy:       t.vec_axpy(in_place(), s.parameter[0], in[1], n); return;
        case OpKind::relu:       t.relu(x, out, n); return;
        case OpKind::silu:       t.silu(x, out, n); return;
        case OpKind::gelu:       t.gelu(x, out, n); return;
        case OpKind::gelu_erf:   t.gelu_erf(x, out, n); return;
        case OpKind::gelu_quick: t.gelu_quick(x, out, n); return;
        case OpKind::tanh:       t.tanh(x, out, n); return;
        case OpKind::exp:        t.exp(x, out, n); return;
        case OpKind::swiglu:     t.swiglu(x, in[1], out, n); return;
        case OpKind::sum:        *out = t.vec_sum(x, cols); return;
        case OpKind::mean:       *out = t.vec_sum(x, cols) / static_cast<float>(cols); return;
        case OpKind::largest:    *out = t.vec_max(x, cols); return;
        case OpKind::dot:        *out = t.vec_dot(x, in[1], cols); return;
        case OpKind::softmax:    t.softmax(x, out, n); return;
        case OpKind::rms_norm:   t.rms_norm(x, in[1], out, rows, n, s.parameter[0]); return;
        case OpKind::layer_norm: t.layer_norm(x, in[1], in[2], out, rows, n, s.parameter[0]); return;
        case OpKind::rope_half:
            t.rope(in_place(), in[1], in[2], n / s.size[0], s.size[0], turned, RopeStyle::half);
            return;
        case OpKind::rope_interleaved:
            t.rope(in_place(), in[1], in[2], n / s.size[0], s.size[0], turned, RopeStyle::interleaved);
            return;
        default: break;
    }
    const impl::ValuePlace& p = values[v];
    t.map({&steps[p.steps], p.step_count, &constants[p.constants], p.constant_count, {in[0], in[1], in[2]}, out, n});
}

namespace impl {
/// n elements of one type as another.
static inline void convert_elements(Isa isa, const uint8_t* from, DType from_type, uint8_t* to, DType to_type,
        size_t n) {
    const float* const f = reinterpret_cast<const float*>(from);
    float* const       w = reinterpret_cast<float*>(to);
    if (from_type == to_type)         { if (from != to) memcpy(to, from, n * (from_type == DType::f32 ? 4 : 2)); }
    else if (from_type == DType::f16)
        table_of(isa, static_cast<const f16*>(nullptr))->widen(reinterpret_cast<const f16*>(from), w, n);
    else if (from_type == DType::bf16)
        table_of(isa, static_cast<const bf16*>(nullptr))->widen(reinterpret_cast<const bf16*>(from), w, n);
    else if (to_type == DType::f16)
        table_of(isa, static_cast<const f16*>(nullptr))->narrow(f, reinterpret_cast<f16*>(to), n);
    else
        table_of(isa, static_cast<const bf16*>(nullptr))->narrow(f, reinterpret_cast<bf16*>(to), n);
}
} // namespace impl

void CompiledLayer::State::run_rows(uint32_t v, const impl::Window* in, uint8_t* out, size_t out_stride, size_t rows,
        size_t cols) const {
    const SemanticNode& n = dag.nodes[v];
    const TensorDesc&   d = dag.nodes[n.input[0]].desc;         // of the first operand
    if (n.op_class == OpClass::elementwise) {                   // rows without gaps are one
        bool whole = out_stride == cols * impl::element_bytes(n.desc);
        for (size_t i = 0; i < n.inputs; i++)
            whole = whole && in[i].stride == cols * impl::element_bytes(dag.nodes[n.input[i]].desc);
        if (whole) { cols *= rows; rows = 1; }
    }
    const bool   norm = n.op == CompilerOp::kernel && (n.kind == OpKind::rms_norm || n.kind == OpKind::layer_norm);
    const size_t step = norm && out_stride == in[0].stride && out_stride == cols * sizeof(float) ? rows : 1;
    for (size_t r = 0; r < rows; r += step, out += out_stride) {
        const float* row[3] = {};
        for (size_t i = 0; i < n.inputs && i < 3; i++)
            row[i] = reinterpret_cast<const float*>(in[i].at + r * in[i].stride);
        const uint8_t* const first = in[0].at + r * in[0].stride;
        uint8_t*             to = out;
        switch (n.op) {
            case CompilerOp::kernel:  run_kernel(v, row, reinterpret_cast<float*>(out), cols, step); break;
            case CompilerOp::convert:
                impl::convert_elements(profile.isa, first, d.dtype, out, n.desc.dtype, cols);
                break;
            case CompilerOp::slice:   memcpy(out, first + n.size[0] * sizeof(float), cols * sizeof(float)); break;
            case CompilerOp::concat:
                for (size_t i = 0; i < n.inputs; i++) {
                    const size_t bytes = dag.nodes[n.input[i]].desc.cols * sizeof(float);
                    memcpy(to, in[i].at + r * in[i].stride, bytes);
                    to += bytes;
                }
                break;
            default: {                                          // embedding
                const size_t bytes = d.dtype == DType::blocks ? row_bytes(d.quant, cols)
                        : cols * impl::element_bytes(d);
                int32_t id;
                memcpy(&id, in[1].at + r * in[1].stride, sizeof id);
                const uint8_t* const from = first + static_cast<size_t>(id) * bytes;
                if (d.dtype == DType::blocks) kernels.dequant(d.quant, from, reinterpret_cast<float*>(out), cols);
                else                          impl::convert_elements(profile.isa, from, d.dtype, out, DType::f32, cols);
            }
        }
    }
}
bool CompiledLayer::State::one_pass(const FusionGroup& g) const {
    return g.units == 1 && codegen.units[g.unit].last - codegen.units[g.unit].first == g.end - g.begin;
}
/// Of a value outside of tiles.
impl::Window CompiledLayer::State::rows_at(uint32_t u, const impl::Rows& r) const {
    const impl::ValuePlace& v = values[u];
    const size_t stride = dag.nodes[u].desc.cols * impl::element_bytes(dag.nodes[u].desc);
    return {v.at + (v.each ? r.task * v.each : r.begin * stride), stride};
}
/// All operations of a group on one tile.
void CompiledLayer::State::run_tile(uint32_t group, const impl::Tile& t, size_t index, const impl::Rows& r,
        uint8_t* slots) const {
    const FusionGroup& g = fusion.groups[group];
    const size_t r0 = g.flat ? 0 : index / t.in_row * t.rows, c0 = g.columns ? index % t.in_row * t.cols : 0;
    const size_t count = g.flat ? 1 : r.count - r0 < t.rows ? r.count - r0 : t.rows;
    const size_t total = dag.nodes[node_at(g.begin)].desc.cols * (g.flat ? r.count : 1);    // of a row that is cut
    const size_t part  = total - c0 < t.cols ? total - c0 : t.cols;
    const auto window = [&](uint32_t u, bool still) {
        const TensorDesc& d = dag.nodes[u].desc;
        const size_t each = impl::element_bytes(d);
        if (values[u].where == impl::Where::tile && values[u].group == group)
            return impl::Window{slots + values[u].index * t.slot_bytes, (g.columns ? part : d.cols) * each};
        if (still) return impl::Window{values[u].at + c0 * each, 0};
        const impl::Window w = rows_at(u, r);
        return impl::Window{w.at + r0 * w.stride + c0 * each, w.stride};
    };
    uint32_t next = g.unit;
    for (uint32_t i = g.begin; i < g.end; i++) {
        const uint32_t v = node_at(i);
        const SemanticNode& n = dag.nodes[v];
        const size_t cols = g.columns ? part : n.desc.cols;
        if (next < g.unit + g.units && codegen.units[next].first == i) {
            const CodeGenUnit& unit = codegen.units[next++];
            impl::Window at[impl::most_pointers];
            for (uint32_t j = unit.begin; j < unit.end; j++) {
                const PtrSource& p = codegen.pointers[j];
                at[j - unit.begin] = window(p.node, p.still);
            }
            run_unit(unit, at, count, cols);
            i = unit.last - 1;
            continue;
        }
        impl::Window in[4] = {};
        for (size_t j = 0; j < n.inputs; j++)
            in[j] = window(n.input[j], impl::spreads(dag.nodes[n.input[j]].desc, n.desc));
        if (n.op == CompilerOp::embedding) in[0] = {values[n.input[0]].at, 0};              // all of the table
        const impl::Window out = window(v, false);
        run_rows(v, in, out.at, out.stride, count, cols);
    }
}
void CompiledLayer::State::run_group(uint32_t group, const impl::Rows& r, const Parallel& p, uint8_t* arena) const {
    const FusionGroup& g = fusion.groups[group];
    const impl::Tile   t = r.count == planned[group].rows ? planned[group].tile : tile_of(g, r.count);
    uint8_t* slots = nullptr;
    if (g.scratch != no_node) {
        const BufferAlloc& a = buffers.allocs[g.scratch];
        slots = arena + a.offset + (g.band == no_node ? 0 : r.task * (a.bytes / fusion.bands[g.band].tasks));
    }
    if (t.count == 1) { run_tile(group, t, 0, r, slots); return; }
    const Parallel    shared = impl::worth(p, planned[group].work);
    const impl::Share share(shared, t.count, 1);
    impl::split(shared, share, t.count, [&](size_t begin, size_t end, size_t task) {
        for (size_t i = begin; i < end; i++) run_tile(group, t, i, r, slots + task * g.slots * t.slot_bytes);
    });
}
void CompiledLayer::State::run_band(const FusionBand& band, size_t rows, const Parallel& p, uint8_t* arena) const {
    const size_t   all = all_rows(band.begin, rows), count = band.rows ? (all + band.rows - 1) / band.rows : 0;
    const Parallel own = band.tasks > 1 ? Parallel() : p;
    const auto     run = [&](size_t begin, size_t end, size_t task) {
        for (size_t i = begin; i < end; i++) {
            const size_t     first = i * band.rows;
            const impl::Rows r = {first, all - first < band.rows ? all - first : band.rows, task};
            for (uint32_t g = band.begin; g < band.end; g++) {
                if (planned[g].by_code) { run_product(g, r, own); g = behind(g); }
                else if (fusion.groups[g].strategy != FusionStrategy::kernel_call) run_group(g, r, own, arena);
                else (void)call(g, r, all, own, arena);         // by packed weights: nothing to go wrong
            }
        }
    };
    if (band.tasks == 1) run(0, count, 0);
    else                 impl::split(p, impl::Share(p, count, 1), count, run);
}

namespace impl {
/// out[cols][rows] = x[rows][cols], in squares.
static inline void transpose_floats(const float* x, float* out, size_t rows, size_t cols) {
    for (size_t i = 0; i < rows; i += 16)
        for (size_t j = 0; j < cols; j += 16)
            for (size_t r = i; r < rows && r < i + 16; r++)
                for (size_t c = j; c < cols && c < j + 16; c++) out[c * rows + r] = x[r * cols + c];
}
} // namespace impl

/// The one operation of a group that is no loop over rows.
Status CompiledLayer::State::call(uint32_t group, const impl::Rows& r, size_t all, const Parallel& p,
        uint8_t* arena) const {
    const FusionGroup&  g = fusion.groups[group];
    const uint32_t      v = node_at(g.begin);
    const SemanticNode& n = dag.nodes[v];
    const float* const  x = reinterpret_cast<const float*>(rows_at(n.input[0], r).at);
    float* const        y = reinterpret_cast<float*>(rows_at(v, r).at);
    const TensorDesc&   d = dag.nodes[n.input[0]].desc;
    const size_t        m = r.count;
    if (n.op == CompilerOp::transpose) { impl::transpose_floats(x, y, d.rows, d.cols); return impl::success; }
    CpuKernels<float>  k = kernels;
    const BufferAlloc& a = buffers.allocs[g.scratch];
    k.parallel        = p;
    k.workspace.bytes = g.band == no_node ? a.bytes : a.bytes / fusion.bands[g.band].tasks;
    k.workspace.data  = arena + a.offset + r.task * k.workspace.bytes;
    if (const impl::PackedWeight* const w = packed_for(v)) {
        if (m == 0) return impl::success;
        impl::Dense<float>::Product product = {x, w->data, y, m, n.desc.cols, d.cols};
        product.all_m = all;
        return impl::Dense<float>{k, impl::Form::packed}.run_checked(product);
    }
    const TensorDesc&    w  = dag.nodes[n.input[1]].desc;
    const uint8_t* const at = values[n.input[1]].at;
    if (n.op == CompilerOp::matmul) return k.gemm(x, reinterpret_cast<const float*>(at), y, m, n.desc.cols, d.cols);
    switch (w.dtype) {
        case DType::blocks: return k.matmul(w.quant, at, x, y, m, n.desc.cols, d.cols, options.precision);
        case DType::f16:    return k.gemm_mixed(x, reinterpret_cast<const f16*>(at), y, m, n.desc.cols, d.cols);
        case DType::bf16:   return k.gemm_mixed(x, reinterpret_cast<const bf16*>(at), y, m, n.desc.cols, d.cols);
        default:            return k.gemm_mixed(x, reinterpret_cast<const float*>(at), y, m, n.desc.cols, d.cols);
    }
}

/// Bytes of what belongs to the caller, for so many rows.
Status CompiledLayer::State::size_tensors(size_t rows) {
    const Status overflow = impl::invalid("tensors of so many rows overflow size_t");
    sized_rows = SIZE_MAX;
    for (size_t i = 0; i < sources.size(); i++) {
        culprit = dag.nodes[sources[i].node].node;
        if (!impl::bytes_of(dag.nodes[sources[i].node].desc, rows, &sources[i].bytes)) return overflow;
    }
    for (size_t i = 0; i < outputs.size(); i++) {
        culprit = dag.nodes[outputs[i]].node;
        if (!impl::bytes_of(dag.nodes[outputs[i]].desc, rows, &output_bytes[i])) return overflow;
    }
    sized_rows = rows;
    return impl::success;
}
/// Where everything is that belongs to the caller; no pointer null or between elements, no output over anything.
Status CompiledLayer::State::check_memory(const void* const* in, void* const* out, size_t rows) {
    const Status unaligned = impl::invalid("this tensor is not aligned to its elements");
    const auto   aligned = [](const void* p, const TensorDesc& d) {
        return d.dtype == DType::blocks || (reinterpret_cast<uintptr_t>(p) & (impl::element_bytes(d) - 1)) == 0;
    };
    if (as_before(in, out, rows)) return impl::success;
    checked = false;
    if (rows != sized_rows)
        if (Status s = size_tensors(rows); !s) return s;
    for (const impl::SourcePlace& s : sources) {
        const SemanticNode& n = dag.nodes[s.node];
        const void* const data = s.input == no_node ? s.data : in ? in[s.input] : nullptr;
        culprit = n.node;
        values[s.node].at = static_cast<uint8_t*>(const_cast<void*>(data));
        if (!n.uses) continue;
        if (s.bytes && !data)
            return impl::invalid(s.input == no_node ? "a weight that is used is not bound"
                                                    : "null pointer for an input");
        if (!aligned(data, n.desc)) return unaligned;
    }
    for (uint32_t i = 0; i < outputs.size(); i++) {
        const SemanticNode& n = dag.nodes[outputs[i]];
        void* const data = out ? out[i] : nullptr;
        culprit = n.node;
        values[outputs[i]].at = static_cast<uint8_t*>(data);
        if (output_bytes[i] && !data) return impl::invalid("null pointer for an output");
        if (!aligned(data, n.desc)) return unaligned;
        const uintptr_t begin = reinterpret_cast<uintptr_t>(data), end = begin + output_bytes[i];
        const auto over = [begin, end](const uint8_t* p, size_t bytes) {
            const uintptr_t q = reinterpret_cast<uintptr_t>(p);
            return begin < end && bytes && q < end && begin < q + bytes;
        };
        for (const impl::SourcePlace& s : sources)
            if (over(values[s.node].at, s.bytes) && dag.nodes[s.node].uses)
                return impl::invalid("this output overlaps an input or a weight");
        for (uint32_t j = 0; j < i; j++)
            if (over(values[outputs[j]].at, output_bytes[j])) return impl::invalid("this output overlaps another");
    }
    if (embeddings.size())
        if (Status s = check_indices(rows); !s) return s;
    culprit = no_node;
    checked = embeddings.size() == 0;                           // indices change where they are
    return impl::success;
}
/// Is everything where it was when it was checked?
bool CompiledLayer::State::as_before(const void* const* in, void* const* out, size_t rows) const {
    if (!checked || rows != sized_rows || !out) return false;
    for (const impl::SourcePlace& s : sources)
        if (s.input != no_node && (!in || values[s.node].at != in[s.input])) return false;
    for (uint32_t i = 0; i < outputs.size(); i++) if (values[outputs[i]].at != out[i]) return false;
    return true;
}
Status CompiledLayer::State::check_indices(size_t rows) {
    for (uint32_t v : embeddings) {
        const SemanticNode& n = dag.nodes[v];
        size_t all = 0;
        culprit = n.node;
        impl::rows_of(n.desc, rows, &all);
        for (size_t i = 0; i < all; i++) {
            int32_t id;
            memcpy(&id, values[n.input[1]].at + i * sizeof id, sizeof id);
            if (id < 0 || static_cast<size_t>(id) >= dag.nodes[n.input[0]].desc.rows)
                return {Code::runtime_error, "an index that the table does not have"};
        }
    }
    return impl::success;
}
/// Panels for the products by this weight; one at no element's address is left for run() to refuse.
Status CompiledLayer::State::pack(const impl::SourcePlace& source) {
    if (!source.data || reinterpret_cast<uintptr_t>(source.data) % sizeof(float)) return impl::success;
    const float* const b = static_cast<const float*>(source.data);
    for (size_t i = 0; i < packed.size(); i++) {
        impl::PackedWeight& w = packed[i];
        if (w.weight != source.node) continue;
        const SemanticNode& n = dag.nodes[w.product];
        const size_t cols = n.desc.cols, depth = dag.nodes[n.input[0]].desc.cols;
        if (!w.data) w.data = impl::list_memory(nullptr, kernels.packed_b_bytes(cols, depth), 0);
        if (!w.data) return {Code::out_of_memory, "no memory to pack this weight"};
        const Status s = n.op == CompilerOp::matmul ? kernels.pack_b(b, cols, depth, w.data)
                                                    : kernels.pack_b_transposed(b, cols, depth, w.data);
        if (!s) return s;
        w.panels = const_cast<char*>(impl::Dense<float>::panels_of(w.data));
    }
    return impl::success;
}
bool CompiledLayer::State::one_to_one() const {
    size_t inputs = 0;
    bool   floats = outputs.size() == 1 && dag.nodes[outputs[0]].desc.dtype == DType::f32;
    for (const impl::SourcePlace& s : sources) {
        if (s.input == no_node) continue;
        inputs++;
        floats = floats && dag.nodes[s.node].desc.dtype == DType::f32 && !dag.nodes[s.node].desc.indices;
    }
    return floats && inputs == 1;
}
Status CompiledLayer::State::run(const Parallel& p, const Workspace& w, size_t rows) {
    if (Status s = plan_buffers(rows, p); !s) return s;
    const impl::Scratch memory(w, buffers.bytes / sizeof(float));
    if (!memory)
        return {Code::out_of_memory,
                "no memory for intermediates; give a workspace of scratch_bytes(), or a working GLLM_KERNELS_MALLOC"};
    uint8_t* const arena = reinterpret_cast<uint8_t*>(memory.data());
    for (size_t i = 0; i < values.size(); i++) {
        impl::ValuePlace& v = values[i];
        if (v.where == impl::Where::buffer) v.at = arena + buffers.allocs[v.index].offset;
        if (v.where == impl::Where::view)   v.at = values[v.root].at;
    }
    if (options.poison && buffers.bytes) memset(arena, 0xff, buffers.bytes);
    for (uint32_t i = 0, next; i < fusion.groups.size(); i = next) {
        const FusionGroup& g = fusion.groups[i];
        const size_t       all = all_rows(i, rows);
        next = g.band != no_node ? fusion.bands[g.band].end : 1 + (planned[i].by_code ? behind(i) : i);
        if (g.band != no_node)                                run_band(fusion.bands[g.band], rows, p, arena);
        else if (planned[i].by_code)                          run_product(i, {0, all, 0}, p);
        else if (g.strategy != FusionStrategy::kernel_call)   run_group(i, {0, all, 0}, p, arena);
        else if (Status s = call(i, {0, all, 0}, all, p, arena); !s) return s;
        if (!options.poison) continue;
        for (const BufferAlloc& a : buffers.allocs)
            if (a.end >= i && a.end < next && a.bytes) memset(arena + a.offset, 0xff, a.bytes);
    }
    return impl::success;
}

// ---- a plan as text ----------------------------------------------------------------------------------

namespace impl {
constexpr const char* strategy_names[] = {"single", "kernel_call", "loop_fusion"};
constexpr const char* class_names[]    = {"source", "view", "elementwise", "injective", "reduction", "gemm", "opaque"};
constexpr const char* dtype_names[]    = {"f32", "f16", "bf16", "blocks"};
}
void CompiledLayer::State::put_shape(const impl::Text& out, const TensorDesc& d) const {
    out << "[";
    if (!d.open) out << d.rows;
    else if (d.rows == 1) out << "rows";
    else out << d.rows << " rows";
    out << "][" << d.cols << "] ";
    out << (d.indices ? "i32" : d.dtype == DType::blocks ? quant_name(d.quant)
            : impl::dtype_names[static_cast<size_t>(d.dtype)]);
}
void CompiledLayer::State::describe(const impl::Text& out) const {
    out << (codegen.units.size() ? "machine code" : "interpreter") << ", " << isa_name(profile.isa) << ": ";
    out << dag.nodes.size() << " nodes, " << fusion.groups.size() << " groups, " << buffers.allocs.size()
            << " buffers\n";
    for (size_t i = 0; i < fusion.groups.size(); i++) {
        const FusionGroup& g = fusion.groups[i];
        if (g.band != no_node && fusion.bands[g.band].begin == i)
            out << "groups " << i << " to " << size_t(fusion.bands[g.band].end - 1) << ", " << fusion.bands[g.band].rows
                << " rows at a time\n";
        out << "group " << i << ": " << impl::strategy_names[static_cast<size_t>(g.strategy)];
        if (with_product(i)) out << " on the sums of the group before";
        if (g.slots && !one_pass(g)) out << ", " << size_t(g.slots) << " values of a tile";
        out << "\n";
        uint32_t unit = g.unit;
        for (uint32_t k = g.begin; k < g.end; k++) {
            if (unit < g.unit + g.units && codegen.units[unit].first == k) {
                const CodeGenUnit& u = codegen.units[unit++];
                out << "  machine code: " << u.bytes << " bytes at " << u.offset << ", " << size_t(u.registers)
                        << " registers, ";
                out << size_t(u.kept) << " of " << size_t(u.constants) << " constants in them, ";
                out << size_t(u.spilled) << " values on the stack\n";
            }
            const SemanticNode& n = dag.nodes[node_at(k)];
            const impl::ValuePlace& v = values[node_at(k)];
            out << "  ";
            impl::put_name(out, n.name);
            out << " (" << impl::class_names[static_cast<size_t>(n.op_class)];
            out << (n.bottleneck == Bottleneck::compute ? ", compute) " : ", memory) ");
            put_shape(out, n.desc);
            if (packed_for(node_at(k))) out << " by a packed weight";
            out << (v.where == impl::Where::output ? " to output "
                    : v.where == impl::Where::tile ? " to tile " : " to buffer ");
            out << size_t(v.index) << "\n";
        }
    }
    for (size_t i = 0; i < buffers.allocs.size(); i++) {
        const BufferAlloc& a = buffers.allocs[i];
        out << "buffer " << i << ": "
            << (a.use == BufferUse::value ? "value" : a.use == BufferUse::tiles ? "tiles" : "workspace");
        out << " of groups " << size_t(a.begin) << " to " << size_t(a.end) << ", " << a.bytes << " bytes at "
                << a.offset << "\n";
    }
    out << "scratch: " << buffers.bytes << " bytes for rows " << buffers.rows << "\n";
}
void CompiledLayer::State::dot(const impl::Text& out) const {
    out << "digraph layer {\n  node [shape=box];\n";
    for (size_t i = 0; i < dag.nodes.size(); i++) {
        out << "  n" << i << " [label=\"";
        impl::put_name(out, dag.nodes[i].name);
        out << "\\n";
        put_shape(out, dag.nodes[i].desc);
        out << "\"];\n";
    }
    for (size_t i = 0; i < fusion.groups.size(); i++) {
        const FusionGroup& g = fusion.groups[i];
        out << "  subgraph cluster_" << i << " {\n    label=\"" << impl::strategy_names[static_cast<size_t>(g.strategy)]
                << "\";\n";
        for (uint32_t k = g.begin; k < g.end; k++) out << "    n" << size_t(node_at(k)) << ";\n";
        out << "  }\n";
    }
    for (size_t i = 0; i < dag.nodes.size(); i++)
        for (size_t j = 0; j < dag.nodes[i].inputs; j++)
            out << "  n" << size_t(dag.nodes[i].input[j]) << " -> n" << i << ";\n";
    out << "}\n";
}

// ---- the layer ---------------------------------------------------------------------------------------------

DeviceProfile DeviceProfile::host() {
    DeviceProfile p;
    p.isa      = best_isa();
    p.l2_bytes = impl::l2_bytes();
    p.flops_per_byte = p.isa == Isa::avx512 ? 16 : p.isa == Isa::avx2 ? 8 : p.isa == Isa::neon ? 4 : 1;
    return p;
}

namespace impl {
/// A message that names a node.
static inline void put_message(char* data, size_t room, const Status& s, const char* name, uint32_t node) {
    Buffered   b = {data, room, 0};
    const Text out = {&write_buffered, &b};
    data[0] = 0;
    if (node != no_node) {
        out << "node " << size_t(node) << " (";
        put_name(out, name);
        out << "): ";
    }
    out << s.what;
}
}
CompiledLayer::~CompiledLayer() {
    if (!state_) return;
    state_->~State();
    impl::list_memory(state_, 0, 0);
}
Status CompiledLayer::compile(const CompilerGraph& graph, const DeviceProfile& profile, const CompileOptions& options) {
    void* const memory = impl::list_memory(nullptr, sizeof(State), 0);
    if (!memory) return impl::out_of_nodes();
    State* const made = new (memory) State(profile, options);
    State::Checked checked;
    Status s = made->kernels.select(profile.isa);
    if (s) s = made->check_graph(graph, checked);
    if (s) s = made->lower(graph, checked);
    if (s) made->culprit = no_node;
    if (s) s = made->fuse();
    if (s) s = made->find_packed();
    if (s) s = made->find_bands();
    if (s) made->find_injected();
    if (s) s = made->place_values();
    if (s) made->one_input = made->one_to_one();
    if (s) made->emit_code(graph);
    if (s) s = made->plan_buffers(1, Parallel());
    if (!s) {
        char name[48] = "";
        if (made->culprit < graph.size()) {
            const CompilerNode& n = graph.node(made->culprit);
            impl::copy_name(name, n.name[0] ? n.name : impl::op_name(n.op, n.kind, n.trace));
        }
        impl::put_message(message_, sizeof message_, s, name, made->culprit);
    }
    State* const old = s ? state_ : made;
    if (s) state_ = made;
    if (old) { old->~State(); impl::list_memory(old, 0, 0); }
    return s;
}
Status CompiledLayer::bind(const char* name, const void* weight) {
    for (size_t i = 0; name && state_ && i < state_->sources.size(); i++) {
        impl::SourcePlace& s = state_->sources[i];
        if (s.input != no_node || strcmp(state_->dag.nodes[s.node].name, name) != 0) continue;
        s.data = weight;
        state_->checked = false;
        const Status packed = state_->pack(s);
        if (!packed) s.data = nullptr;
        return packed;
    }
    return impl::invalid("the graph has no weight of this name");
}
Status CompiledLayer::run(const void* const* inputs, void* const* outputs, size_t rows) {
    if (!state_) return impl::invalid("nothing was compiled");
    Status s = state_->check_memory(inputs, outputs, rows);
    const uint32_t culprit = state_->culprit;
    if (s) s = state_->run(parallel, workspace, rows);
    if (s) return s;
    const SemanticNode* about = state_->dag.nodes.begin();
    while (about != state_->dag.nodes.end() && about->node != culprit) about++;
    impl::put_message(message_, sizeof message_, s, about == state_->dag.nodes.end() ? "" : about->name, culprit);
    return s;
}
Status CompiledLayer::run(const float* input, float* output, size_t rows) {
    const void* const inputs[]  = {input};
    void* const       outputs[] = {output};
    if (state_ && !state_->one_input)
        return impl::invalid("this graph has other inputs and outputs than one of f32 each");
    return run(inputs, outputs, rows);
}
size_t CompiledLayer::scratch_bytes(size_t rows) {
    return state_ && state_->plan_buffers(rows, parallel)
            ? impl::Scratch::bytes(state_->buffers.bytes / sizeof(float)) : 0;
}
const char* CompiledLayer::backend() const {
    return !state_ ? "" : state_->codegen.units.size() ? isa_name(state_->profile.isa) : "interpreter";
}
const SemanticDAG* CompiledLayer::dag() const          { return state_ ? &state_->dag : nullptr; }
const FusionPlan*  CompiledLayer::fusion() const       { return state_ ? &state_->fusion : nullptr; }
const BufferPlan*  CompiledLayer::buffers() const      { return state_ ? &state_->buffers : nullptr; }
const CodeGenPlan* CompiledLayer::code() const         { return state_ ? &state_->codegen : nullptr; }
void CompiledLayer::describe(void (*write)(void* user, const char* text, size_t n), void* user) const {
    if (state_) state_->describe({write, user});
}
void CompiledLayer::dot(void (*write)(void* user, const char* text, size_t n), void* user) const {
    if (state_) state_->dot({write, user});
}

// ---- layers that were compiled before -----------------------------------------------------------------------------

namespace impl {

/// A digest of numbers.
struct Digest {
    uint64_t value = 0x9e3779b97f4a7c15u;
    void add(uint64_t v) {
        value = (value ^ v) * 0xff51afd7ed558ccdu;
        value ^= value >> 32;
    }
    void add_double(double v) { add(load_as<uint64_t>(&v)); }
};
/// What a recording computes.
static inline uint64_t digest_of(const OpTrace* t) {
    Digest d;
    if (!t) return 0;
    d.add(uint64_t(t->kind) << 8 | uint64_t(t->pattern));
    for (const TraceTensor& x : t->tensors)
        d.add(uint64_t(x.operand) << 16 | uint64_t(x.place) << 8 | uint64_t(x.read) << 1 | x.written);
    for (const TraceConstant& c : t->constants) { d.add(uint64_t(c.type)); d.add(c.bits); }
    for (const TraceOp& op : t->ops) {
        d.add(uint64_t(op.code) << 32 | uint64_t(op.type) << 16 | op.index);
        for (int32_t a : op.arg) d.add(static_cast<uint32_t>(a));
    }
    return d.value;
}
static inline void add_node(Digest& d, const CompilerNode& n) {
    const TensorDesc& t = n.desc;
    d.add(uint64_t(n.op) << 40 | uint64_t(n.kind) << 32 | uint64_t(n.inputs) << 24 | uint64_t(t.dtype) << 16 |
          uint64_t(t.quant) << 8 | uint64_t(t.indices) << 1 | t.open);
    for (size_t i = 0; i < 4; i += 2) d.add(uint64_t(n.input[i]) << 32 | n.input[i + 1]);
    d.add(t.rows ^ (uint64_t(t.cols) << 32 | uint64_t(t.cols) >> 31));
    for (size_t i = 0; i < 2; i++) d.add(uint64_t(n.size[i]) ^ uint64_t(f32_bits(n.parameter[i])) << 32);
    for (size_t i = 0; i < sizeof n.name && n.name[i]; i++) d.add(static_cast<uint8_t>(n.name[i]));
    if (n.trace) d.add(digest_of(n.trace));
}
static inline bool same_node(const CompilerNode& a, const CompilerNode& b) {
    const TensorDesc &s = a.desc, &t = b.desc;
    return a.op == b.op && a.kind == b.kind && a.inputs == b.inputs && memcmp(a.input, b.input, sizeof a.input) == 0 &&
           s.dtype == t.dtype && s.quant == t.quant && s.indices == t.indices && s.open == t.open && s.rows == t.rows &&
           s.cols == t.cols &&
           memcmp(a.parameter, b.parameter, sizeof a.parameter) == 0 && memcmp(a.size, b.size, sizeof a.size) == 0 &&
           a.trace == b.trace && strncmp(a.name, b.name, sizeof a.name) == 0;
}
static inline bool same_profile(const DeviceProfile& a, const DeviceProfile& b) {
    return a.isa == b.isa && a.l1_bytes == b.l1_bytes && a.l2_bytes == b.l2_bytes &&
           memcmp(&a.flops_per_byte, &b.flops_per_byte, sizeof a.flops_per_byte) == 0;
}
static inline bool same_options(const CompileOptions& a, const CompileOptions& b) {
    return a.loop_fusion == b.loop_fusion && a.row_bands == b.row_bands && a.pack_weights == b.pack_weights &&
           a.machine_code == b.machine_code && a.products == b.products && a.in_place == b.in_place &&
           a.share_buffers == b.share_buffers && a.poison == b.poison && a.precision == b.precision &&
           a.tile_bytes == b.tile_bytes;
}
/// A layer, and what it was made of.
struct CachedLayer {
    uint64_t                    digest = 0, used = 0;
    bool                        taken = true;
    List<CompilerNode>          nodes;
    List<CompilerGraph::Output> outputs;
    DeviceProfile               profile;
    CompileOptions              options;
    CompiledLayer               layer;

    bool copy(const CompilerGraph& g) {
        for (size_t i = 0; i < g.size(); i++) if (!nodes.push(g.node(i))) return false;
        for (const CompilerGraph::Output& o : g.outputs()) if (!outputs.push(o)) return false;
        return true;
    }
    bool is_of(const CompilerGraph& g, const DeviceProfile& p, const CompileOptions& o) const {
        if (g.size() != nodes.size() || g.outputs().size() != outputs.size()) return false;
        if (!same_profile(profile, p) || !same_options(options, o)) return false;
        for (size_t i = 0; i < outputs.size(); i++)
            if (outputs[i].node != g.outputs()[i].node || outputs[i].dtype != g.outputs()[i].dtype) return false;
        for (size_t i = 0; i < nodes.size(); i++) if (!same_node(nodes[i], g.node(i))) return false;
        return true;
    }
};
static inline void delete_cached(CachedLayer* c) {
    if (!c) return;
    c->~CachedLayer();
    list_memory(c, 0, 0);
}
} // namespace impl

struct GK_HIDDEN CompilationCache::State {
    std::atomic_flag busy;                                      // held for a search at most
    impl::List<impl::CachedLayer*> layers;
    uint64_t clock = 0;

    State() { busy.clear(); }
    void lock()   { while (busy.test_and_set(std::memory_order_acquire)) {} }
    void unlock() { busy.clear(std::memory_order_release); }
    /// Out of the list, where it has more than `most`: of those that nobody has, that used longest ago. Or null.
    impl::CachedLayer* spare(size_t most) {
        size_t oldest = layers.size();
        if (oldest <= most) return nullptr;
        for (size_t i = 0; i < layers.size(); i++)
            if (!layers[i]->taken && (oldest == layers.size() || layers[i]->used < layers[oldest]->used)) oldest = i;
        if (oldest == layers.size()) return nullptr;
        impl::CachedLayer* const c = layers[oldest];
        layers[oldest] = layers[layers.size() - 1];
        layers.pop();
        return c;
    }
};
CompilationCache::CompilationCache(size_t most) : state_(nullptr), most_(most) {
    void* const p = impl::list_memory(nullptr, sizeof(State), 0);
    if (p) state_ = new (p) State();
}
CompilationCache::~CompilationCache() {
    if (!state_) return;
    for (impl::CachedLayer* c : state_->layers) impl::delete_cached(c);
    state_->~State();
    impl::list_memory(state_, 0, 0);
}
size_t CompilationCache::size() const {
    if (!state_) return 0;
    state_->lock();
    const size_t n = state_->layers.size();
    state_->unlock();
    return n;
}
Status CompilationCache::take(const CompilerGraph& graph, const DeviceProfile& profile, CompiledLayer** layer,
        const CompileOptions& options) {
    impl::Digest d;
    *layer = nullptr;
    if (!state_) return impl::out_of_nodes();
    d.add(uint64_t(profile.isa) << 8 | uint64_t(options.precision));
    for (size_t i = 0; i < graph.size(); i++) impl::add_node(d, graph.node(i));
    state_->lock();
    for (impl::CachedLayer* c : state_->layers) {
        if (c->taken || c->digest != d.value || !c->is_of(graph, profile, options)) continue;
        c->taken = true;
        *layer = &c->layer;
        break;
    }
    state_->unlock();
    if (*layer) return impl::success;

    void* const p = impl::list_memory(nullptr, sizeof(impl::CachedLayer), 0);
    if (!p) return impl::out_of_nodes();
    impl::CachedLayer* const c = new (p) impl::CachedLayer();
    c->digest  = d.value;
    c->profile = profile;
    c->options = options;
    Status s = c->copy(graph) ? c->layer.compile(graph, profile, options) : impl::out_of_nodes();
    state_->lock();
    if (s && !state_->layers.push(c)) s = impl::out_of_nodes();
    impl::CachedLayer* const old = s ? state_->spare(most_) : c;
    state_->unlock();
    impl::delete_cached(old);
    if (s) *layer = &c->layer;
    return s;
}
void CompilationCache::give_back(CompiledLayer* layer) {
    if (!state_ || !layer) return;
    state_->lock();
    for (impl::CachedLayer* c : state_->layers) {
        if (&c->layer != layer) continue;
        c->taken = false;
        c->used  = ++state_->clock;
    }
    impl::CachedLayer* const old = state_->spare(most_);
    state_->unlock();
    impl::delete_cached(old);
}

// ---- building a graph -----------------------------------------------------------------------------------------

namespace impl {
static inline CompilerNode node_of(CompilerOp op, TensorRef a = {}, TensorRef b = {}, TensorRef c = {},
        TensorRef d = {}) {
    CompilerNode n;
    n.op = op;
    n.input[0] = a.node;
    n.input[1] = b.node;
    n.input[2] = c.node;
    n.input[3] = d.node;
    while (n.inputs < 4 && n.input[n.inputs] != no_node) n.inputs++;
    return n;
}
static inline CompilerNode kernel_of(OpKind kind, float p, float q, TensorRef a, TensorRef b = {}, TensorRef c = {}) {
    CompilerNode n = node_of(CompilerOp::kernel, a, b, c);
    n.kind = kind;
    n.parameter[0] = p;
    n.parameter[1] = q;
    return n;
}
static inline CompilerNode source_of(CompilerOp op, TensorShape shape, DType dtype, const char* name) {
    CompilerNode n;
    n.op = op;
    n.desc.dtype = dtype;
    n.desc.open  = shape.rows == any_rows;
    n.desc.rows  = n.desc.open ? 1 : shape.rows;
    n.desc.cols  = shape.cols;
    copy_name(n.name, name);
    return n;
}
}
TensorRef CompilerGraph::append(const CompilerNode& node) {
    TensorRef r;
    failed_ = failed_ || nodes_.size() == impl::most_nodes || !nodes_.push(node);
    if (!failed_) r.node = static_cast<uint32_t>(nodes_.size() - 1);
    return r;
}
TensorRef CompilerGraph::input(TensorShape shape, DType dtype, const char* name) {
    return append(impl::source_of(CompilerOp::input, shape, dtype, name));
}
TensorRef CompilerGraph::indices(size_t rows, const char* name) {
    CompilerNode n = impl::source_of(CompilerOp::input, {rows, 1}, DType::f32, name);
    n.desc.indices = true;
    return append(n);
}
TensorRef CompilerGraph::weight(const char* name, TensorShape shape, DType dtype) {
    return append(impl::source_of(CompilerOp::weight, shape, dtype, name));
}
TensorRef CompilerGraph::quant_weight(const char* name, QuantType type, size_t rows, size_t cols) {
    CompilerNode n = impl::source_of(CompilerOp::weight, {rows, cols}, DType::blocks, name);
    n.desc.quant = type;
    return append(n);
}
TensorRef CompilerGraph::op(OpKind kind, TensorRef a, TensorRef b, TensorRef c) {
    return append(impl::kernel_of(kind, 0, 0, a, b, c));
}
TensorRef CompilerGraph::op(const OpTrace* user, TensorRef a, TensorRef b, TensorRef c) {
    CompilerNode n = impl::kernel_of(OpKind::user, 0, 0, a, b, c);
    n.trace = user;
    return append(n);
}
TensorRef CompilerGraph::scale(TensorRef x, float s) { return append(impl::kernel_of(OpKind::scale, s, 0, x)); }
TensorRef CompilerGraph::offset(TensorRef x, float s) { return append(impl::kernel_of(OpKind::offset, s, 0, x)); }
TensorRef CompilerGraph::clamp(TensorRef x, float low, float high) {
    return append(impl::kernel_of(OpKind::clamp, low, high, x));
}
TensorRef CompilerGraph::axpy(TensorRef y, float a, TensorRef x) {
    return append(impl::kernel_of(OpKind::axpy, a, 0, y, x));
}
TensorRef CompilerGraph::rms_norm(TensorRef x, TensorRef weight, float eps) {
    return append(impl::kernel_of(OpKind::rms_norm, eps, 0, x, weight));
}
TensorRef CompilerGraph::layer_norm(TensorRef x, TensorRef gamma, TensorRef beta, float eps) {
    return append(impl::kernel_of(OpKind::layer_norm, eps, 0, x, gamma, beta));
}
TensorRef CompilerGraph::rope(TensorRef x, TensorRef cos, TensorRef sin, size_t head_dim, RopeStyle style,
        size_t n_rot) {
    const OpKind kind = style == RopeStyle::half ? OpKind::rope_half : OpKind::rope_interleaved;
    CompilerNode n = impl::kernel_of(kind, 0, 0, x, cos, sin);
    n.size[0] = head_dim;
    n.size[1] = n_rot;
    return append(n);
}
TensorRef CompilerGraph::matmul(TensorRef a, TensorRef b) { return append(impl::node_of(CompilerOp::matmul, a, b)); }
TensorRef CompilerGraph::matmul_t(TensorRef a, TensorRef b) {
    return append(impl::node_of(CompilerOp::matmul_t, a, b));
}
TensorRef CompilerGraph::transpose(TensorRef x) { return append(impl::node_of(CompilerOp::transpose, x)); }
TensorRef CompilerGraph::concat(TensorRef a, TensorRef b, TensorRef c, TensorRef d) {
    return append(impl::node_of(CompilerOp::concat, a, b, c, d));
}
TensorRef CompilerGraph::embedding(TensorRef table, TensorRef indices) {
    return append(impl::node_of(CompilerOp::embedding, table, indices));
}
TensorRef CompilerGraph::reshape(TensorRef x, size_t cols) {
    CompilerNode n = impl::node_of(CompilerOp::reshape, x);
    n.size[0] = cols;
    return append(n);
}
TensorRef CompilerGraph::slice(TensorRef x, size_t begin, size_t cols) {
    CompilerNode n = impl::node_of(CompilerOp::slice, x);
    n.size[0] = begin;
    n.size[1] = cols;
    return append(n);
}
void CompilerGraph::output(TensorRef x, DType dtype) { failed_ = !outputs_.push({x.node, dtype}) || failed_; }

GK_NAMESPACE_END
#endif

// ============================================================================
// [26] MACHINE CODE: elementwise operations, and small products with what is behind them, as functions
// ============================================================================
//
//   FusionGroup -> flatten -> CodeLines -> CodeLoop:    place, encode -> CodeMemory -> run_unit
//   a product, and the group behind it  -> CodeProduct: the same                   -> run_product
//
// The recordings of a group, one behind the other, are straight-line code on numbered values. A line of it is one
// instruction whose operands have no place yet; each trace operation becomes the lines that the primitive of that name
// [9] is on this set, so the bits are those of the kernels. Lines are then written once, from first to last: a result
// takes the lowest free register, which is free again behind its last reader; what finds no register waits on the
// stack. Several vectors take turns, line by line.
//
// As an example, relu(0.5 (x + y)) on AVX2, the first of four vectors; 0.5 and 0 are in ymm13 and ymm14:
//
//   functor of [10]                           lines                 code
//                                             0 load x
//                                             1 load y              vmovups   ymm0, [rdx + 2*rax - 128]
//   add_of    vadd(a, b)                      2 fadd 0, 1           vaddps    ymm0, ymm0, [rcx + 2*rax - 128]
//   scale_by  vmul(x, s)                      3 fmul 2, 0.5         vmulps    ymm0, ymm0, ymm13
//   relu_of   vselect(vlt(x, 0), 0, x)        4 cmpps 3, 0, less    vcmpps    ymm4, ymm0, ymm14, 17
//                                             5 andnps 4, 3         vandnps   ymm0, ymm4, ymm0
//                                             6 store out, 5        vmovups   [rsi + 2*rax - 128], ymm0

#ifdef GLLM_KERNELS_COMPILER

#define GK_EMITS_X86 0
#define GK_EMITS_A64 0
#if !defined(GLLM_KERNELS_NO_JIT) && UINTPTR_MAX > 0xffffffffu \
    && (defined(__unix__) || defined(__APPLE__) || defined(_WIN32))
#if (defined(__x86_64__) || defined(_M_X64)) && (GK_HAS_AVX2 || GK_HAS_AVX512)
#undef GK_EMITS_X86
#define GK_EMITS_X86 1
#elif GK_ARM64 && GK_HAS_NEON && defined(__GNUC__) && !defined(_WIN32)
#undef GK_EMITS_A64
#define GK_EMITS_A64 1
#endif
#endif

#if GK_EMITS_X86 || GK_EMITS_A64
#ifdef _WIN32                                                   // its functions: <windows.h> defines many macros
extern "C" {
__declspec(dllimport) void* __stdcall VirtualAlloc(void* at, size_t bytes, unsigned long type, unsigned long protect);
__declspec(dllimport) int   __stdcall VirtualProtect(void* at, size_t bytes, unsigned long protect,
        unsigned long* before);
__declspec(dllimport) int   __stdcall VirtualFree(void* at, size_t bytes, unsigned long type);
}
#else
#include <sys/mman.h>
#endif
#endif

GK_NAMESPACE_BEGIN
namespace impl {

// ---- memory for code: written, then executable, never both -----------------------------------------------------

#if !GK_EMITS_X86 && !GK_EMITS_A64
CodeMemory::~CodeMemory()                          {}
bool CodeMemory::hold(const uint8_t*, size_t)      { return false; }
#elif defined(_WIN32)
CodeMemory::~CodeMemory()                          { if (at) VirtualFree(at, 0, 0x8000); }
bool CodeMemory::hold(const uint8_t* code, size_t n) {
    unsigned long before = 0;
    at    = VirtualAlloc(nullptr, n, 0x3000, 4);                // reserved and committed, to read and write
    bytes = n;
    if (at) memcpy(at, code, n);
    return at && VirtualProtect(at, n, 0x20, &before);          // to read and execute
}
#else
CodeMemory::~CodeMemory()                          { if (at) munmap(at, bytes); }
bool CodeMemory::hold(const uint8_t* code, size_t n) {
    void* const p = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (p == MAP_FAILED) return false;
    at    = p;
    bytes = n;
    memcpy(at, code, n);
    if (mprotect(at, n, PROT_READ | PROT_EXEC) != 0) return false;
#if GK_EMITS_A64
    __builtin___clear_cache(static_cast<char*>(at), static_cast<char*>(at) + n);
#endif
    return true;
}
#endif

#if GK_EMITS_X86 || GK_EMITS_A64

/// A register, or memory at base + (index << scale) + offset; index, and each: one element for all lanes, x86 alone.
struct CodePlace { uint8_t base; bool memory; uint8_t index, scale; int32_t offset; bool each; };
constexpr uint8_t no_index = 4;
constexpr CodePlace in_register(unsigned r)        { return {static_cast<uint8_t>(r), false, 0, 0, 0, false}; }
constexpr CodePlace in_memory(uint8_t base, size_t offset = 0, bool each = false) {
    return {base, true, no_index, 0, static_cast<int32_t>(offset), each};
}

/// Registers are numbers, sets of them bits: vectors from 0 on, masks of AVX-512 from 32 on.
constexpr uint64_t all_vectors = 0xffffffff, all_masks = 0xffull << 32;
constexpr uint64_t only(unsigned r)                { return uint64_t(1) << r; }
constexpr uint8_t  no_register = 255;

/// What code is written for. mask: the register that says which elements a rest has.
struct CodeTarget { Isa isa; uint8_t lanes, constant_bytes, mask; uint64_t registers; };

/// What a function is called with: rows, each of vectors and a rest. Pointers are behind the vectors of the first row.
struct LoopCall {
    uint64_t rows;
    int64_t  begin;                                             // -2 for every element of the vectors
    uint64_t rest;
    int32_t  mask[8];                                           // -1 for every element of the rest; AVX-512: bits
    uint8_t* at[most_pointers];
    size_t   step[most_pointers];                               // bytes from row to row
};

#if GK_EMITS_X86

// ---- instructions of x86-64 -----------------------------------------------------------------------------------------

/// Which operands an instruction has, and where they are encoded. rm: a register or memory; v: the register of VEX;
/// digit: an opcode's extension in the place of reg.
enum class X86Form : uint8_t {
    none,
    rm, mr,                                                     // reg, rm | rm, reg
    rvm, mvr,                                                   // reg, v, rm | rm, v, reg
    rvmr,                                                       // reg, v, rm; 16 times a register in the immediate
    vm, m,                                                      // v, rm | rm
    o                                                           // a register in the opcode
};
enum class X86Space : uint8_t { legacy, legacy_0f, vex_0f, vex_0f38, vex_0f3a };
struct X86Row { const char* name; X86Form form; X86Space space; uint8_t prefix, opcode, digit, w, l, imm, n; };

/// prefix: 1, 2, 3 for 66, f3, f2 | w: 64 bits | l: 1: 256 bits, 2: only 512 | imm: bytes of an immediate | n: bytes of
/// memory of its form of 512 bits, which differs in the prefix, EVEX; 0: it has none
#define GK_X86_ROWS(ROW) \
    /*  id          name           form  space      prefix opcode digit w l imm n */ \
    ROW(load,       "vmovups",     rm,   vex_0f,    0, 0x10, 0, 0, 1, 0, 64) \
    ROW(store,      "vmovups",     mr,   vex_0f,    0, 0x11, 0, 0, 1, 0, 64) \
    ROW(load_half,  "vmovups",     rm,   vex_0f,    0, 0x10, 0, 0, 0, 0, 0) \
    ROW(store_half, "vmovups",     mr,   vex_0f,    0, 0x11, 0, 0, 0, 0, 0) \
    ROW(load_some,  "vmaskmovps",  rvm,  vex_0f38,  1, 0x2c, 0, 0, 1, 0, 0) \
    ROW(store_some, "vmaskmovps",  mvr,  vex_0f38,  1, 0x2e, 0, 0, 1, 0, 0) \
    ROW(load_each,  "vbroadcastss", rm,  vex_0f38,  1, 0x18, 0, 0, 1, 0, 4) \
    ROW(fadd,       "vaddps",      rvm,  vex_0f,    0, 0x58, 0, 0, 1, 0, 64) \
    ROW(fmul,       "vmulps",      rvm,  vex_0f,    0, 0x59, 0, 0, 1, 0, 64) \
    ROW(fsub,       "vsubps",      rvm,  vex_0f,    0, 0x5c, 0, 0, 1, 0, 64) \
    ROW(minps,      "vminps",      rvm,  vex_0f,    0, 0x5d, 0, 0, 1, 0, 64) \
    ROW(fdiv,       "vdivps",      rvm,  vex_0f,    0, 0x5e, 0, 0, 1, 0, 64) \
    ROW(maxps,      "vmaxps",      rvm,  vex_0f,    0, 0x5f, 0, 0, 1, 0, 64) \
    ROW(fsqrt,      "vsqrtps",     rm,   vex_0f,    0, 0x51, 0, 0, 1, 0, 64) \
    ROW(andps,      "vandps",      rvm,  vex_0f,    0, 0x54, 0, 0, 1, 0, 64) \
    ROW(andnps,     "vandnps",     rvm,  vex_0f,    0, 0x55, 0, 0, 1, 0, 64) \
    ROW(orps,       "vorps",       rvm,  vex_0f,    0, 0x56, 0, 0, 1, 0, 64) \
    ROW(xorps,      "vxorps",      rvm,  vex_0f,    0, 0x57, 0, 0, 1, 0, 64) \
    ROW(cmpps,      "vcmpps",      rvm,  vex_0f,    0, 0xc2, 0, 0, 1, 1, 0) \
    ROW(blendvps,   "vblendvps",   rvmr, vex_0f3a,  1, 0x4a, 0, 0, 1, 1, 0) \
    ROW(cmp_mask,   "vcmpps",      rvm,  vex_0f,    0, 0xc2, 0, 0, 2, 1, 64) \
    ROW(blend_mask, "vblendmps",   rvm,  vex_0f38,  1, 0x65, 0, 0, 2, 0, 64) \
    ROW(kand,       "kandw",       rvm,  vex_0f,    0, 0x41, 0, 0, 1, 0, 0) \
    ROW(kor,        "korw",        rvm,  vex_0f,    0, 0x45, 0, 0, 1, 0, 0) \
    ROW(knot,       "knotw",       rm,   vex_0f,    0, 0x44, 0, 0, 0, 0, 0) \
    ROW(kload,      "kmovw",       rm,   vex_0f,    0, 0x90, 0, 0, 0, 0, 0) \
    ROW(kstore,     "kmovw",       mr,   vex_0f,    0, 0x91, 0, 0, 0, 0, 0) \
    ROW(round,      "vroundps",    rm,   vex_0f3a,  1, 0x08, 0, 0, 1, 1, 64) \
    ROW(range,      "vrangeps",    rvm,  vex_0f3a,  1, 0x50, 0, 0, 2, 1, 64) \
    ROW(rcp14,      "vrcp14ps",    rm,   vex_0f38,  1, 0x4c, 0, 0, 2, 0, 64) \
    ROW(scalef,     "vscalefps",   rvm,  vex_0f38,  1, 0x2c, 0, 0, 2, 0, 64) \
    ROW(fmadd132,   "vfmadd132ps", rvm,  vex_0f38,  1, 0x98, 0, 0, 1, 0, 64) \
    ROW(fmadd213,   "vfmadd213ps", rvm,  vex_0f38,  1, 0xa8, 0, 0, 1, 0, 64) \
    ROW(fmadd231,   "vfmadd231ps", rvm,  vex_0f38,  1, 0xb8, 0, 0, 1, 0, 64) \
    ROW(fnmadd132,  "vfnmadd132ps", rvm, vex_0f38,  1, 0x9c, 0, 0, 1, 0, 64) \
    ROW(fnmadd213,  "vfnmadd213ps", rvm, vex_0f38,  1, 0xac, 0, 0, 1, 0, 64) \
    ROW(fnmadd231,  "vfnmadd231ps", rvm, vex_0f38,  1, 0xbc, 0, 0, 1, 0, 64) \
    ROW(to_int,     "vcvtps2dq",   rm,   vex_0f,    1, 0x5b, 0, 0, 1, 0, 64) \
    ROW(to_float,   "vcvtdq2ps",   rm,   vex_0f,    0, 0x5b, 0, 0, 1, 0, 64) \
    ROW(iadd,       "vpaddd",      rvm,  vex_0f,    1, 0xfe, 0, 0, 1, 0, 64) \
    ROW(isub,       "vpsubd",      rvm,  vex_0f,    1, 0xfa, 0, 0, 1, 0, 64) \
    ROW(iand,       "vpand",       rvm,  vex_0f,    1, 0xdb, 0, 0, 1, 0, 64) \
    ROW(ior,        "vpor",        rvm,  vex_0f,    1, 0xeb, 0, 0, 1, 0, 64) \
    ROW(shl,        "vpslld",      vm,   vex_0f,    1, 0x72, 6, 0, 1, 1, 64) \
    ROW(shr,        "vpsrld",      vm,   vex_0f,    1, 0x72, 2, 0, 1, 1, 64) \
    ROW(sra,        "vpsrad",      vm,   vex_0f,    1, 0x72, 4, 0, 1, 1, 64) \
    ROW(cvtph2ps,   "vcvtph2ps",   rm,   vex_0f38,  1, 0x13, 0, 0, 1, 0, 32) \
    ROW(cvtps2ph,   "vcvtps2ph",   mr,   vex_0f3a,  1, 0x1d, 0, 0, 1, 1, 32) \
    ROW(pmovzxwd,   "vpmovzxwd",   rm,   vex_0f38,  1, 0x33, 0, 0, 1, 0, 32) \
    ROW(pmovdw,     "vpmovdw",     mr,   vex_0f38,  2, 0x33, 0, 0, 2, 0, 32) \
    ROW(packusdw,   "vpackusdw",   rvm,  vex_0f38,  1, 0x2b, 0, 0, 1, 0, 0) \
    ROW(permq,      "vpermq",      rm,   vex_0f3a,  1, 0x00, 0, 1, 1, 1, 0) \
    ROW(zeroupper,  "vzeroupper",  none, vex_0f,    0, 0x77, 0, 0, 0, 0, 0) \
    ROW(mov,        "mov",         rm,   legacy,    0, 0x8b, 0, 1, 0, 0, 0) \
    ROW(lea,        "lea",         rm,   legacy,    0, 0x8d, 0, 1, 0, 0, 0) \
    ROW(add,        "add",         rm,   legacy,    0, 0x03, 0, 1, 0, 0, 0) \
    ROW(add_imm,    "add",         m,    legacy,    0, 0x83, 0, 1, 0, 1, 0) \
    ROW(sub_imm,    "sub",         m,    legacy,    0, 0x83, 5, 1, 0, 1, 0) \
    ROW(and_imm,    "and",         m,    legacy,    0, 0x83, 4, 1, 0, 1, 0) \
    ROW(cmp_imm,    "cmp",         m,    legacy,    0, 0x83, 7, 1, 0, 1, 0) \
    ROW(mov_imm,    "mov",         m,    legacy,    0, 0xc7, 0, 1, 0, 4, 0) \
    ROW(load16,     "movzx",       rm,   legacy_0f, 0, 0xb7, 0, 0, 0, 0, 0) \
    ROW(store16,    "mov",         mr,   legacy,    1, 0x89, 0, 0, 0, 0, 0) \
    ROW(push,       "push",        o,    legacy,    0, 0x50, 0, 0, 0, 0, 0) \
    ROW(pop,        "pop",         o,    legacy,    0, 0x58, 0, 0, 0, 0, 0) \
    ROW(je,         "je",          none, legacy_0f, 0, 0x84, 0, 0, 0, 4, 0) \
    ROW(jne,        "jne",         none, legacy_0f, 0, 0x85, 0, 0, 0, 4, 0) \
    ROW(jg,         "jg",          none, legacy_0f, 0, 0x8f, 0, 0, 0, 4, 0) \
    ROW(jle,        "jle",         none, legacy_0f, 0, 0x8e, 0, 0, 0, 4, 0) \
    ROW(endbr64,    "endbr64",     none, legacy_0f, 2, 0x1e, 0, 0, 0, 1, 0) \
    ROW(ret,        "ret",         none, legacy,    0, 0xc3, 0, 0, 0, 0, 0)
#define GK_X86_ID(id, name, form, space, prefix, opcode, digit, w, l, imm, n) id,
#define GK_X86_ROW(id, name, form, space, prefix, opcode, digit, w, l, imm, n) \
    {name, X86Form::form, X86Space::space, prefix, opcode, digit, w, l, imm, n},
enum class X86 : uint8_t { GK_X86_ROWS(GK_X86_ID) count };
constexpr X86Row x86_rows[] = { GK_X86_ROWS(GK_X86_ROW) };
#undef GK_X86_ROWS
#undef GK_X86_ID
#undef GK_X86_ROW

constexpr uint8_t rax = 0, rcx = 1, rdx = 2, rbx = 3, rsp = 4, rbp = 5, rsi = 6, rdi = 7, rip = 16;

/// evex: the form of 512 bits. k: the mask of the elements that are written, or 0; those of a register become 0.
struct X86Operands { unsigned reg, v; CodePlace rm; int32_t imm; bool evex; unsigned k; };

/// Prefixes. r: what is encoded as reg.
static inline uint8_t* put_prefix(const X86Row& e, const X86Operands& o, unsigned r, uint8_t* p) {
    static constexpr uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
    const unsigned x = o.rm.memory ? o.rm.index >> 3u : o.rm.base >> 4u;
    const unsigned high_r = r >> 3 & 1, high_x = x & 1, high_b = o.rm.base >> 3 & 1u, v = ~o.v & 15;
    const unsigned space = static_cast<unsigned>(e.space), map = space - 1;
    const unsigned top = high_r << 7 | high_x << 6 | high_b << 5, w = unsigned(e.w) << 7, low = v << 3 | e.prefix;
    const auto byte = [&p](unsigned b) { *p++ = static_cast<uint8_t>(b); };
    if (o.evex) {
        const unsigned zero = o.k && e.form == X86Form::rm;
        byte(0x62);
        byte(((top | (r >> 4 & 1) << 4) ^ 0xf0) | map);
        byte(w | low | 4);
        byte(zero << 7 | 2 << 5 | unsigned(o.rm.each) << 4 | (~o.v >> 4 & 1) << 3 | (o.k & 7));
    } else if (e.space < X86Space::vex_0f) {
        const unsigned rex = unsigned(e.w) << 3 | high_r << 2 | high_x << 1 | high_b;
        if (e.prefix) byte(prefixes[e.prefix]);
        if (rex) byte(0x40 | rex);
        if (space) byte(0x0f);
    } else if (map == 1 && !e.w && !high_x && !high_b) {
        byte(0xc5);
        byte((top ^ 0x80) | unsigned(e.l) << 2 | low);
    } else {
        byte(0xc4);
        byte((top ^ 0xe0) | map);
        byte(w | unsigned(e.l) << 2 | low);
    }
    return p;
}
/// A register, or an address. A byte of offset counts elements of the size that memory has where the prefix is EVEX.
static inline uint8_t* put_place(const CodePlace& rm, int32_t unit, unsigned r, uint8_t* p) {
    const unsigned middle = (r & 7) << 3, base = rm.base & 7u;
    const bool     behind = rm.memory && rm.base == rip;
    const bool     index  = rm.memory && !behind && (rm.index != no_index || base == rsp);
    const bool     narrow = rm.offset % unit == 0 && rm.offset / unit >= -128 && rm.offset / unit < 128;
    const unsigned mode   = !rm.memory ? 3 : behind ? 0 : rm.offset == 0 && base != rbp ? 0 : narrow ? 1 : 2;
    const size_t   bytes  = behind || mode == 2 ? 4 : mode == 1;
    const uint32_t offset = static_cast<uint32_t>(mode == 1 ? rm.offset / unit : rm.offset);
    const auto byte = [&p](unsigned b) { *p++ = static_cast<uint8_t>(b); };
    byte(mode << 6 | middle | (behind ? 5 : index ? 4 : base));
    if (index) byte(unsigned(rm.scale) << 6 | (rm.index & 7u) << 3 | base);
    for (size_t i = 0; i < bytes; i++) byte(offset >> 8 * i);
    return p;
}
/// The instruction's bytes, at most 15; how many. Of rip offset is from behind the instruction.
static inline size_t encode(const X86Row& e, const X86Operands& o, uint8_t* out) {
    const unsigned r = e.form == X86Form::vm || e.form == X86Form::m ? e.digit : o.reg;
    uint8_t* p = put_prefix(e, o, r, out);
    *p++ = static_cast<uint8_t>(e.form == X86Form::o ? e.opcode | (o.rm.base & 7u) : e.opcode);
    if (e.form != X86Form::none && e.form != X86Form::o) p = put_place(o.rm, !o.evex ? 1 : o.rm.each ? 4 : e.n, r, p);
    for (size_t i = 0; i < e.imm; i++) *p++ = static_cast<uint8_t>(static_cast<uint32_t>(o.imm) >> 8 * i);
    return static_cast<size_t>(p - out);
}
/// What tests compare with an assembler: a row, and its bytes for some operands: reg, v, memory, base, index, scale,
/// offset, immediate, evex, each, k.
GK_INTERNAL size_t x86_rows_count() { return sizeof x86_rows / sizeof *x86_rows; }
GK_INTERNAL const char* x86_row(size_t row, unsigned (&columns)[6]) {
    const X86Row& e = x86_rows[row];
    const unsigned all[] = {static_cast<unsigned>(e.form), e.space >= X86Space::vex_0f, e.w, e.l, e.imm, e.n};
    memcpy(columns, all, sizeof all);
    return e.name;
}
GK_INTERNAL size_t x86_encode(size_t row, const int32_t (&o)[11], uint8_t* out) {
    const auto byte = [&o](size_t i) { return static_cast<uint8_t>(o[i]); };
    const CodePlace rm = {byte(3), o[2] != 0, byte(4), byte(5), o[6], o[9] != 0};
    return encode(x86_rows[row], {byte(0), byte(1), rm, o[7], o[8] != 0, byte(10)}, out);
}

using CodeOp = X86;
constexpr uint8_t stack = rsp;
constexpr size_t  at_rest = 16, at_saved = 32, at_values = 192;         // on the stack: a rest, saved registers, values
#ifdef _WIN32                                   // xmm6 to xmm15 are the caller's: AVX-512 has enough others
constexpr uint64_t most_registers = 0xffff003f;
#else
constexpr uint64_t most_registers = all_vectors;
#endif
constexpr CodeTarget targets[] = {
    {Isa::avx512, 16, 4, 33, most_registers | (all_masks & ~only(32))},         // k0 is no mask of an instruction
    {Isa::avx2,   8, 32, 15, 0xffff},
};
static inline bool is_load(X86 op) { return op == X86::load || op == X86::cvtph2ps || op == X86::pmovzxwd; }
static inline bool is_store(X86 op) {
    return op == X86::store || op == X86::cvtps2ph || op == X86::store_half || op == X86::pmovdw;
}
static inline bool commutes(X86 op) {
    return op == X86::fadd || op == X86::fmul || op == X86::andps || op == X86::orps || op == X86::xorps ||
           op == X86::iadd || op == X86::iand || op == X86::ior;
}
static inline bool gives_mask(X86 op) {
    return op == X86::cmp_mask || op == X86::kand || op == X86::kor || op == X86::knot;
}

#else // GK_EMITS_A64

// ---- instructions of aarch64 ----------------------------------------------------------------------------------------

/// Where an immediate goes, and what it counts.
enum class A64Field : uint8_t { none, plain, fours, eights, sixteens, left, right, words, half };
struct A64Row { const char* text; A64Field field; uint32_t bits; };

/// D, N and M are registers, encoded at bits 0, 5 and 16; I is the immediate.
#define GK_A64_ROWS(ROW) \
    ROW(ldr_q,   "ldr qD, [xN, I]",               sixteens, 0x3dc00000) \
    ROW(str_q,   "str qD, [xN, I]",               sixteens, 0x3d800000) \
    ROW(ldr_d,   "ldr dD, [xN, I]",               eights,   0xfd400000) \
    ROW(str_d,   "str dD, [xN, I]",               eights,   0xfd000000) \
    ROW(ldr_s,   "ldr sD, [xN, I]",               fours,    0xbd400000) \
    ROW(fadd,    "fadd vD.4s, vN.4s, vM.4s",      none,     0x4e20d400) \
    ROW(fsub,    "fsub vD.4s, vN.4s, vM.4s",      none,     0x4ea0d400) \
    ROW(fmul,    "fmul vD.4s, vN.4s, vM.4s",      none,     0x6e20dc00) \
    ROW(fdiv,    "fdiv vD.4s, vN.4s, vM.4s",      none,     0x6e20fc00) \
    ROW(fcmgt,   "fcmgt vD.4s, vN.4s, vM.4s",     none,     0x6ea0e400) \
    ROW(fcmeq,   "fcmeq vD.4s, vN.4s, vM.4s",     none,     0x4e20e400) \
    ROW(iadd,    "add vD.4s, vN.4s, vM.4s",       none,     0x4ea08400) \
    ROW(isub,    "sub vD.4s, vN.4s, vM.4s",       none,     0x6ea08400) \
    ROW(iand,    "and vD.16b, vN.16b, vM.16b",    none,     0x4e201c00) \
    ROW(ior,     "orr vD.16b, vN.16b, vM.16b",    none,     0x4ea01c00) \
    ROW(fmla,    "fmla vD.4s, vN.4s, vM.4s",      none,     0x4e20cc00) \
    ROW(fmls,    "fmls vD.4s, vN.4s, vM.4s",      none,     0x4ea0cc00) \
    ROW(fmla_1,  "fmla vD.4s, vN.4s, vM.s[0]",    none,     0x4f801000) \
    ROW(zero,    "movi vD.4s, 0",                 none,     0x4f000400) \
    ROW(bsl,     "bsl vD.16b, vN.16b, vM.16b",    none,     0x6e601c00) \
    ROW(fneg,    "fneg vD.4s, vN.4s",             none,     0x6ea0f800) \
    ROW(fabs,    "fabs vD.4s, vN.4s",             none,     0x4ea0f800) \
    ROW(fsqrt,   "fsqrt vD.4s, vN.4s",            none,     0x6ea1f800) \
    ROW(round,   "frintn vD.4s, vN.4s",           none,     0x4e218800) \
    ROW(to_int,  "fcvtns vD.4s, vN.4s",           none,     0x4e21a800) \
    ROW(to_float, "scvtf vD.4s, vN.4s",            none,     0x4e21d800) \
    ROW(mvn,     "mvn vD.16b, vN.16b",            none,     0x6e205800) \
    ROW(fcvtl,   "fcvtl vD.4s, vN.4h",            none,     0x0e217800) \
    ROW(fcvtn,   "fcvtn vD.4h, vN.4s",            none,     0x0e216800) \
    ROW(shll,    "shll vD.4s, vN.4h, 16",         none,     0x2e613800) \
    ROW(xtn,     "xtn vD.4h, vN.4s",              none,     0x0e612800) \
    ROW(shl,     "shl vD.4s, vN.4s, I",           left,     0x4f005400) \
    ROW(shr,     "ushr vD.4s, vN.4s, I",          right,    0x6f000400) \
    ROW(sra,     "sshr vD.4s, vN.4s, I",          right,    0x4f000400) \
    ROW(ldr_x,   "ldr xD, [xN, I]",               eights,   0xf9400000) \
    ROW(str_x,   "str xD, [xN, I]",               eights,   0xf9000000) \
    ROW(ldr_w,   "ldr wD, [xN, xM, lsl 2]",       none,     0xb8607800) \
    ROW(str_w,   "str wD, [xN, xM, lsl 2]",       none,     0xb8207800) \
    ROW(ldrh,    "ldrh wD, [xN, xM, lsl 1]",      none,     0x78607800) \
    ROW(strh,    "strh wD, [xN, xM, lsl 1]",      none,     0x78207800) \
    ROW(add,     "add xD, xN, I",                 plain,    0x91000000) \
    ROW(sub,     "sub xD, xN, I",                 plain,    0xd1000000) \
    ROW(adds,    "adds xD, xN, I",                plain,    0xb1000000) \
    ROW(subs,    "subs xD, xN, I",                plain,    0xf1000000) \
    ROW(add_x,   "add xD, xN, xM",                none,     0x8b000000) \
    ROW(add_2x,  "add xD, xN, xM, lsl 1",         none,     0x8b000400) \
    ROW(sub_x,   "sub xD, xN, xM",                none,     0xcb000000) \
    ROW(movz,    "movz xD, I",                    half,     0xd2800000) \
    ROW(movk,    "movk xD, I, lsl 16",            half,     0xf2a00000) \
    ROW(cbz,     "cbz xD, I",                     words,    0xb4000000) \
    ROW(cbnz,    "cbnz xD, I",                    words,    0xb5000000) \
    ROW(b_eq,    "b.eq I",                        words,    0x54000000) \
    ROW(b_ne,    "b.ne I",                        words,    0x54000001) \
    ROW(b_le,    "b.le I",                        words,    0x5400000d) \
    ROW(b_gt,    "b.gt I",                        words,    0x5400000c) \
    ROW(b_lt,    "b.lt I",                        words,    0x5400000b) \
    ROW(b_ge,    "b.ge I",                        words,    0x5400000a) \
    ROW(adr,     "adr xD, I",                     words,    0x10000000) \
    ROW(bti_c,   "bti c",                         none,     0xd503245f) \
    ROW(ret,     "ret",                           none,     0xd65f03c0)
#define GK_A64_ID(id, text, field, bits) id,
#define GK_A64_ROW(id, text, field, bits) {text, A64Field::field, bits},
enum class A64 : uint8_t { GK_A64_ROWS(GK_A64_ID) count };
constexpr A64Row a64_rows[] = { GK_A64_ROWS(GK_A64_ROW) };
#undef GK_A64_ROWS
#undef GK_A64_ID
#undef GK_A64_ROW

static inline uint32_t encode(const A64Row& e, unsigned d, unsigned n, unsigned m, int32_t imm) {
    const uint32_t i = static_cast<uint32_t>(imm), bits = e.bits | d | n << 5 | m << 16;
    switch (e.field) {
        case A64Field::plain:    return bits | (i & 0xfff) << 10;
        case A64Field::fours:    return bits | (i / 4 & 0xfff) << 10;
        case A64Field::eights:   return bits | (i / 8 & 0xfff) << 10;
        case A64Field::sixteens: return bits | (i / 16 & 0xfff) << 10;
        case A64Field::left:     return bits | (32 + i) << 16;
        case A64Field::right:    return bits | (64 - i) << 16;
        case A64Field::words:    return bits | (i / 4 & 0x7ffff) << 5;
        case A64Field::half:     return bits | (i & 0xffff) << 5;
        default:                 return bits;
    }
}
/// What tests compare with an assembler.
GK_INTERNAL size_t a64_rows_count() { return sizeof a64_rows / sizeof *a64_rows; }
GK_INTERNAL const char* a64_row(size_t row, unsigned* field) {
    *field = static_cast<unsigned>(a64_rows[row].field);
    return a64_rows[row].text;
}
GK_INTERNAL uint32_t a64_encode(size_t row, unsigned d, unsigned n, unsigned m, int32_t imm) {
    return encode(a64_rows[row], d, n, m, imm);
}

using CodeOp = A64;
constexpr uint8_t pool = 13, stack = 31;
constexpr size_t  at_values = 16;                               // on the stack: a rest, values
constexpr CodeTarget targets[] = {{Isa::neon, 4, 16, no_register, 0xffff00ff}};         // v8 to v15 are the caller's
static inline bool is_store(A64 op)                { return op == A64::str_q || op == A64::str_d; }
static inline bool is_load(A64 op)                 { return op == A64::ldr_q || op == A64::ldr_d; }

#endif

// ---- products ------------------------------------------------------------------------------------------------------

/// C[rows][n] = A B, k at most PRODUCT_K. width: of panels of B, [k][width] each; 0 for rows of B.
struct ProductShape { size_t n, k, width, rows; bool open; };
constexpr size_t PRODUCT_K = 256;                               // as deep as a panel of pack_b
constexpr size_t PRODUCT_B = 65536, PRODUCT_M = 4096;           // elements of B, rows that are known: at most
constexpr size_t PRODUCT_CHAIN = 128;                           // steps of k that one sum adds up, as CHAIN in [13]

// ---- lines ----------------------------------------------------------------------------------------------------------

/// An instruction whose operands have no place yet. from: a line before it, or ~a constant; no_arg where it has none.
/// Of loads and stores `index` is the tensor, of others the immediate.
struct CodeLine { CodeOp op; uint8_t index; int32_t from[3]; };

/// Straight-line code of a group: its elements, one vector of each.
struct CodeLines {
    struct Tensor { uint32_t node; uint8_t bytes; bool still; };        // of an element; one row for all rows
    const CodeTarget& target;
    List<CodeLine> all;
    List<uint32_t> constants;
    List<Tensor>   tensors;
    bool           failed = false;

    explicit CodeLines(const CodeTarget& t) : target(t) {}
    int32_t add(CodeOp op, int32_t a, int32_t b = no_arg, int32_t c = no_arg, unsigned index = 0) {
        failed |= !all.push({op, static_cast<uint8_t>(index), {a, b, c}});
        return static_cast<int32_t>(all.size()) - 1;
    }
    int32_t shift(CodeOp op, int32_t a, unsigned n)    { return add(op, a, no_arg, no_arg, n); }
    int32_t constant(uint32_t bits) {
        size_t i = 0;
        while (i < constants.size() && constants[i] != bits) i++;
        if (i == constants.size()) failed |= !constants.push(bits);
        return ~static_cast<int32_t>(i);
    }
    int32_t constant(float v)                          { return constant(f32_bits(v)); }
    bool is(int32_t v, uint32_t bits) const {
        return v < 0 && v != no_arg && constants[static_cast<size_t>(~v)] == bits;
    }
    unsigned tensor(const Tensor& t) {
        size_t i = 0;
        while (i < tensors.size() && tensors[i].node != t.node) i++;
        if (i == tensors.size()) failed |= !tensors.push(t);
        return static_cast<unsigned>(i);
    }
    int32_t lower(const TraceOp& op, const int32_t* from);  // one trace operation, as its primitive is defined
    int32_t scale(int32_t p, int32_t t);
    int32_t scale2(int32_t x, int32_t n);
    // As the target has it:
    int32_t lower_here(TraceCode code, int32_t a, int32_t b, int32_t c);
    int32_t load(unsigned tensor, DType type);                          // the floats of a tensor
    void    store(unsigned tensor, DType type, int32_t v);
};

/// vscale and vscale2 of the sets that have no instruction for it.
int32_t CodeLines::scale(int32_t p, int32_t t) {
    const int32_t normal = lower_here(TraceCode::max, t, constant(trace::round_bias + 2), no_arg);
    const int32_t most   = add(CodeOp::fmul, p, shift(CodeOp::shl, normal, 23));
    const int32_t rest   = shift(CodeOp::shl, add(CodeOp::isub, t, normal), 23);
    return add(CodeOp::fmul, most, add(CodeOp::iadd, constant(2.0f), rest));
}
int32_t CodeLines::scale2(int32_t x, int32_t n) {
    const auto power = [this](int32_t i) { return shift(CodeOp::shl, add(CodeOp::iadd, i, constant(127u)), 23); };
    const int32_t half = shift(CodeOp::sra, n, 1);
    return add(CodeOp::fmul, add(CodeOp::fmul, x, power(half)), power(add(CodeOp::isub, n, half)));
}
int32_t CodeLines::lower(const TraceOp& op, const int32_t* from) {
    const int32_t a = from[0], b = from[1], c = from[2];
    switch (op.code) {
        case TraceCode::add:      return add(CodeOp::fadd, a, b);
        case TraceCode::sub:      return add(CodeOp::fsub, a, b);
        case TraceCode::mul:      return add(CodeOp::fmul, a, b);
        case TraceCode::div:      return add(CodeOp::fdiv, a, b);
        case TraceCode::root:     return add(CodeOp::fsqrt, a);
        case TraceCode::round:    return add(CodeOp::round, a, no_arg, no_arg, 8);
        case TraceCode::to_int:   return add(CodeOp::to_int, a);
        case TraceCode::to_float: return add(CodeOp::to_float, a);
        case TraceCode::bits:
        case TraceCode::unbits:   return a;
        case TraceCode::iadd:     return add(CodeOp::iadd, a, b);
        case TraceCode::isub:     return add(CodeOp::isub, a, b);
        case TraceCode::iand:     return add(CodeOp::iand, a, b);
        case TraceCode::ior:      return add(CodeOp::ior, a, b);
        case TraceCode::shl:      return shift(CodeOp::shl, a, op.index);
        case TraceCode::shr:      return shift(CodeOp::shr, a, op.index);
        case TraceCode::sra:      return shift(CodeOp::sra, a, op.index);
        default:                  return lower_here(op.code, a, b, c);
    }
}

// ---- places ---------------------------------------------------------------------------------------------------------

/// Goes through lines from first to last and says where their values are: a CodeLoop writes them meanwhile.
class CodePlaces {
public:
    uint32_t registers = 0, kept = 0, spilled = 0;  // of vectors; constants in registers; values on the stack

protected:
    static constexpr uint32_t most_values = 56, most_together = 4;      // of 64 bytes: less than a page
    const CodeLines&  lines_;
    const CodeTarget& target_;
    List<uint8_t>&   code_;
    List<uint32_t>   last_, reads_;                             // of each line: its last reader, how many
    List<CodePlace>  at_;                                       // of each line and vector, while it is needed
    List<uint8_t>    kept_;                                     // of each constant: its register, or none
    size_t           owner_[40] = {};                           // of each register: whose place it is in at_
    uint64_t         available_ = 0, free_ = 0, used_ = 0, constants_ = 0;      // registers; those of constants
    uint64_t         pinned_ = 0, borrowed_ = 0;                // by this line: not to be spilled; to be given back
    uint32_t         now_ = 0;                                  // the line at hand
    unsigned         together_ = 1, vector_ = 0;                // vectors that take turns, line by line; which of them
    uint64_t         values_ = 0, most_used_ = 0;               // places on the stack: taken, ever taken
    size_t           values_at_ = at_values;                    // where they begin
    bool             rest_ = false, dry_ = false, failed_ = false;

    CodePlaces(const CodeLines& lines, List<uint8_t>& code) : lines_(lines), target_(lines.target), code_(code) {}
    virtual ~CodePlaces() {}
    virtual void write_line(const CodeLine& l) = 0;
    virtual void move_to_stack(unsigned r, const CodePlace& to) = 0;
    virtual void move_to_register(unsigned r, const CodePlace& from) = 0;

    size_t    turn(int32_t line) const                 { return static_cast<size_t>(line) * together_ + vector_; }
    CodePlace place_of_constant(size_t c) const;                // behind the code
    CodePlace place_of_value(size_t slot) const        { return in_memory(stack, values_at_ + value_bytes() * slot); }
    size_t    value_bytes() const                      { return 4u * target_.lanes; }
    CodePlace place(int32_t from) const {
        if (from >= 0) return at_[turn(from)];
        const size_t c = static_cast<size_t>(~from);
        return kept_[c] != no_register ? in_register(kept_[c]) : place_of_constant(c);
    }
    uint64_t registers_of_rest() const {
        return target_.registers & ~(target_.mask == no_register ? 0 : only(target_.mask));
    }
    bool dies(int32_t from) const                      { return from >= 0 && last_[static_cast<size_t>(from)] == now_; }
    /// What is read for the last time leaves its register.
    void free_dying(const CodeLine& l) {
        for (int32_t f : l.from)
            if (dies(f) && !place(f).memory && owner_[place(f).base] == turn(f)) free_ |= only(place(f).base);
    }
    void     place_result(const CodePlace& p)          { at_[turn(static_cast<int32_t>(now_))] = p; }
    void     result(unsigned r) {
        free_ &= ~only(r);
        borrowed_ &= ~only(r);
        place_result(in_register(r));
        owner_[r] = turn(static_cast<int32_t>(now_));
    }
    unsigned take(uint64_t among = all_vectors);
    void     spill(uint64_t among);
    unsigned loaded(const CodePlace& p, uint64_t among = all_vectors);
    void     count_reads();
    unsigned choose_together();
    void     keep_constants();
    void     load_constants();
    void     write_lines(uint64_t places, unsigned together, bool rest);
    size_t   frame_bytes() const;
    void     put_constants();
};

/// The lowest free register.
unsigned CodePlaces::take(uint64_t among) {
    if (!(free_ & among)) spill(among);
    unsigned r = 0;
    while (r < 39 && !(free_ & among & only(r))) r++;
    free_   &= ~only(r);
    pinned_ |= only(r);
    used_   |= only(r);
    return r;
}
/// Moves the value that is read latest to the stack.
void CodePlaces::spill(uint64_t among) {
    unsigned victim = no_register;
    size_t   latest = 0;
    uint32_t slot = 0;
    for (unsigned r = 0; r < 40; r++) {
        if (!(available_ & among & ~pinned_ & only(r))) continue;
        const int32_t v = static_cast<int32_t>(owner_[r] / together_);
        size_t        next = now_ + (owner_[r] % together_ < vector_);
        for (; next < lines_.all.size(); next++) {
            const CodeLine& l = lines_.all[next];
            if (l.from[0] == v || l.from[1] == v || l.from[2] == v) break;
        }
        if (next > latest) { latest = next; victim = r; }
    }
    while (slot < most_values && values_ >> slot & 1) slot++;
    if (victim == no_register || slot == most_values) { failed_ = true; return; }
    values_    |= uint64_t(1) << slot;
    most_used_ |= values_;
    spilled++;
    at_[owner_[victim]] = place_of_value(slot);
    move_to_stack(victim, place_of_value(slot));
    free_ |= only(victim);
}
/// In a register; in one that is taken as long as the line is written, if it is in memory.
unsigned CodePlaces::loaded(const CodePlace& p, uint64_t among) {
    if (!p.memory) return p.base;
    const unsigned r = take(among);
    borrowed_ |= only(r);
    move_to_register(r, p);
    return r;
}
void CodePlaces::count_reads() {
    const size_t n = lines_.all.size();
    failed_ |= !last_.fill(n, 0) || !reads_.fill(n, 0) || !at_.fill(most_together * n, in_register(0));
    failed_ |= !kept_.fill(lines_.constants.size(), no_register);
    for (size_t i = n; i-- > 0 && !failed_;) {
        const CodeLine& l = lines_.all[i];
        if (!reads_[i] && !is_store(l.op)) continue;
        for (int32_t f : l.from) {
            if (f < 0) continue;
            if (!reads_[static_cast<size_t>(f)]++) last_[static_cast<size_t>(f)] = static_cast<uint32_t>(i);
        }
    }
}
/// All lines for some vectors in turn, or for the rest of a row.
void CodePlaces::write_lines(uint64_t places, unsigned together, bool rest) {
    available_ = free_ = places;
    together_  = together;
    rest_      = rest;
    values_    = 0;
    spilled    = 0;
    for (now_ = 0; now_ < lines_.all.size() && !failed_; now_++) {
        const CodeLine& l = lines_.all[now_];
        for (vector_ = 0; vector_ < together && (reads_[now_] || is_store(l.op)) && !failed_; vector_++) {
            pinned_ = borrowed_ = 0;
            for (int32_t f : l.from) if (f != no_arg && !place(f).memory) pinned_ |= only(place(f).base);
            write_line(l);
            free_ |= borrowed_;
            for (int32_t f : l.from)                            // places on the stack that are not read again
                if (dies(f) && place(f).memory && place(f).base == stack)
                    values_ &= ~(uint64_t(1) << (static_cast<size_t>(place(f).offset) - values_at_) / value_bytes());
        }
    }
    vector_ = 0;
}
/// As many vectors in turn as find registers hide the time that an instruction takes to answer.
unsigned CodePlaces::choose_together() {
    unsigned together = most_together + 1;
    dry_ = true;
    do {
        together--;
        used_   = 0;
        failed_ = false;                                        // by more vectors, for want of places on the stack
        write_lines(registers_of_rest(), together, false);
    } while (together > 1 && (spilled || failed_));
    dry_ = false;
    return together;
}
/// Constants that are read most live in the registers that values leave.
void CodePlaces::keep_constants() {
    List<uint32_t> reads;
    failed_ |= !reads.fill(lines_.constants.size(), 0);
    for (size_t i = 0; i < lines_.all.size() && !failed_; i++)
        for (int32_t f : lines_.all[i].from)
            if (f < 0 && f != no_arg && (reads_[i] || is_store(lines_.all[i].op))) reads[static_cast<size_t>(~f)]++;
    for (unsigned r = 32; r-- > 0 && !failed_;) {
        if (!(registers_of_rest() & ~used_ & only(r))) continue;
        size_t most = 0;
        for (size_t c = 0; c < reads.size(); c++) if (reads[c] > reads[most]) most = c;
        if (most == reads.size() || !reads[most]) break;
        reads[most] = 0;
        kept_[most] = static_cast<uint8_t>(r);
        constants_ |= only(r);
        kept++;
    }
}
/// To the registers where they are kept.
void CodePlaces::load_constants() {
    for (size_t c = 0; c < kept_.size(); c++)
        if (kept_[c] != no_register) move_to_register(kept_[c], place_of_constant(c));
}
size_t CodePlaces::frame_bytes() const {
    size_t bytes = values_at_;
    for (uint64_t v = most_used_; v; v >>= 1) bytes += value_bytes();
    return bytes;
}
/// A vector of each, or one element, behind the code.
void CodePlaces::put_constants() {
    for (uint32_t bits : lines_.constants)
        for (unsigned i = 0; i < target_.constant_bytes; i++)
            failed_ |= !code_.push(static_cast<uint8_t>(bits >> 8 * (i % 4)));
    for (uint64_t r = (used_ | constants_) & all_vectors; r; r >>= 1) registers += r & 1;
}

#if GK_EMITS_X86

// ---- x86-64 ---------------------------------------------------------------------------------------------------------

/// Comparisons are masks there, and powers of two an instruction.
static inline int32_t lower_avx512(CodeLines& to, TraceCode code, int32_t a, int32_t b, int32_t c) {
    switch (code) {
        case TraceCode::less:      return to.add(X86::cmp_mask, a, b, no_arg, 0x11);
        case TraceCode::unordered: return to.add(X86::cmp_mask, a, a, no_arg, 3);
        case TraceCode::select:    return to.add(X86::blend_mask, c, b, a);
        case TraceCode::both:      return to.add(X86::kand, a, b);
        case TraceCode::any:       return to.add(X86::kor, a, b);
        case TraceCode::negate:    return to.add(X86::knot, a);
        case TraceCode::least:     return to.add(X86::range, a, b, no_arg, 10);
        case TraceCode::recip:     return to.add(X86::rcp14, a);
        case TraceCode::scale:     return to.add(X86::scalef, a, b);
        default:                   return to.add(X86::scalef, a, to.add(X86::to_float, b));     // scale2
    }
}
int32_t CodeLines::lower_here(TraceCode code, int32_t a, int32_t b, int32_t c) {
    switch (code) {
        case TraceCode::neg:       return add(X86::xorps, a, constant(0x80000000u));
        case TraceCode::abs:       return add(X86::andps, a, constant(0x7fffffffu));
        case TraceCode::min:       return add(X86::minps, a, b);
        case TraceCode::max:       return add(X86::maxps, a, b);
        case TraceCode::fma:
        case TraceCode::xfma:      return add(X86::fmadd132, a, b, c);
        case TraceCode::fnma:      return add(X86::fnmadd132, a, b, c);
        default: break;
    }
    if (target.isa == Isa::avx512) return lower_avx512(*this, code, a, b, c);
    if (code == TraceCode::select && is(b, 0)) return add(X86::andnps, a, c);
    switch (code) {
        case TraceCode::less:      return add(X86::cmpps, a, b, no_arg, 0x11);
        case TraceCode::unordered: return add(X86::cmpps, a, a, no_arg, 3);
        case TraceCode::select:    return add(X86::blendvps, c, b, a);
        case TraceCode::both:      return add(X86::andps, a, b);
        case TraceCode::any:       return add(X86::orps, a, b);
        case TraceCode::negate:    return add(X86::xorps, a, constant(0xffffffffu));
        case TraceCode::least:     return add(X86::minps, b, add(X86::andps, a, constant(0x7fffffffu)));
        case TraceCode::recip:     return add(X86::fdiv, constant(1.0f), a);
        case TraceCode::scale:     return scale(a, c);
        default:                   return scale2(a, b);
    }
}
int32_t CodeLines::load(unsigned tensor, DType type) {
    if (type == DType::f32) return add(X86::load, no_arg, no_arg, no_arg, tensor);
    if (type == DType::f16) return add(X86::cvtph2ps, no_arg, no_arg, no_arg, tensor);
    return shift(X86::shl, add(X86::pmovzxwd, no_arg, no_arg, no_arg, tensor), 16);
}
void CodeLines::store(unsigned tensor, DType type, int32_t v) {
    if (type == DType::f32) { add(X86::store, v, no_arg, no_arg, tensor); return; }
    if (type == DType::f16) { add(X86::cvtps2ph, v, no_arg, no_arg, tensor); return; }
    const int32_t upper   = shift(X86::shr, v, 16);
    const int32_t odd     = add(X86::iand, upper, constant(1u));
    const int32_t rounded = shift(X86::shr, add(X86::iadd, v, add(X86::iadd, odd, constant(0x7fffu))), 16);
    const int32_t quiet   = add(X86::ior, upper, constant(0x40u));
    const int32_t nan     = lower_here(TraceCode::unordered, v, no_arg, no_arg);
    const int32_t words   = lower_here(TraceCode::select, nan, quiet, rounded);
    if (target.isa == Isa::avx512) { add(X86::pmovdw, words, no_arg, no_arg, tensor); return; }
    const int32_t packed = add(X86::packusdw, words, words);
    add(X86::store_half, add(X86::permq, packed, no_arg, no_arg, 8), no_arg, no_arg, tensor);
}

/// Its number, where the offset will be.
CodePlace CodePlaces::place_of_constant(size_t c) const { return in_memory(rip, c, target_.constant_bytes == 4); }

/// Which registers are whose. pointers: those of tensors, the ones to be saved last; rax and r11 are free.
struct Platform { uint8_t argument; bool saves_vectors; uint16_t saved; uint8_t pointers[most_pointers]; };
constexpr Platform system_v    = {rdi, false, 0xf028, {rdx, rcx, rsi, 8, 9, 10, rbx, 12, 13, 14, 15}};
constexpr Platform windows_x64 = {rcx, true,  0xf0e8, {rdx, 8, 9, 10, rbx, rsi, rdi, 12, 13, 14, 15}};
#ifdef _WIN32
constexpr Platform this_platform = windows_x64;
#else
constexpr Platform this_platform = system_v;
#endif

/// A function of LoopCall* with lines in it:
///
///     save registers; load pointers
///     what a CodeLoop or a CodeProduct is
///     restore; ret; constants
class CodeFunction : public CodePlaces {
protected:
    CodeFunction(const CodeLines& lines, List<uint8_t>& code) : CodePlaces(lines, code) {}
    struct Fix { size_t at, end, constant; };                   // an offset, and what it is from
    const Platform& platform_ = this_platform;
    const bool      wide_ = target_.isa == Isa::avx512;
    List<Fix>       fixes_;
    size_t          pointers_ = 0, frame_ = 0;                  // how many; where the size of the stack is written

    virtual CodePlace of_tensor(size_t tensor) const = 0;       // its vector at hand
    void open(size_t pointers);
    bool close();

    // ---- bytes
    void emit(X86 op, unsigned reg, unsigned v, const CodePlace& rm, int32_t imm, unsigned k = 0) {
        uint8_t       bytes[16];
        const X86Row& e = x86_rows[static_cast<size_t>(op)];
        const size_t  n = dry_ ? 0 : encode(e, {reg, v, rm, imm, wide_ && e.n, k}, bytes);
        for (size_t i = 0; i < n; i++) failed_ |= !code_.push(bytes[i]);
        const Fix     fix = {code_.size() - e.imm - 4, code_.size(), static_cast<size_t>(rm.offset)};
        if (n && rm.memory && rm.base == rip) failed_ |= !fixes_.push(fix);
    }
    void emit(X86 op, unsigned reg, const CodePlace& rm)  { emit(op, reg, 0, rm, 0); }
    void emit(X86 op, const CodePlace& rm, int32_t imm)   { emit(op, 0, 0, rm, imm); }
    void put32(size_t at, size_t v) {
        for (size_t i = 0; i < 4 && !failed_; i++) code_[at + i] = static_cast<uint8_t>(v >> 8 * i);
    }
    size_t jump(X86 op)                                  { emit(op, in_register(0), 0); return code_.size(); }
    void land(size_t from)                               { put32(from - 4, code_.size() - from); }
    void jump(X86 op, size_t to)                         { const size_t from = jump(op); put32(from - 4, to - from); }

    // ---- places
    static CodePlace on_stack(size_t offset)             { return in_memory(rsp, offset); }
    CodePlace argument(size_t offset) const              { return in_memory(platform_.argument, offset); }
    static bool is_mask(unsigned r)                      { return r >= 32; }
    void move_to_stack(unsigned r, const CodePlace& to) override { emit(is_mask(r) ? X86::kstore : X86::store, r, to); }
    void move_to_register(unsigned r, const CodePlace& from) override {
        CodePlace p = from;
        p.each = false;
        emit(is_mask(r) ? X86::kload : from.each ? X86::load_each : X86::load, r, p);
    }

    // ---- lines
    void write_line(const CodeLine& l) override;
    bool stays_in_memory() const;
    virtual void write_load(const CodeLine& l);
    void write_store(const CodeLine& l);
    void write_fma(const CodeLine& l);
    void write_vector(const CodeLine& l);
    void move_words(unsigned tensor, bool out);
};

/// The words of a rest to the stack, or from it.
void CodeFunction::move_words(unsigned tensor, bool out) {
    const CodePlace there = {platform_.pointers[tensor], true, 11, 1, -2, false};
    const CodePlace here  = {rsp, true, 11, 1, static_cast<int32_t>(at_rest) - 2, false};
    emit(X86::mov, 11, argument(offsetof(LoopCall, rest)));
    const size_t again = code_.size();
    emit(X86::load16, rax, out ? here : there);
    emit(X86::store16, rax, out ? there : here);
    emit(X86::sub_imm, in_register(11), 1);
    if (!dry_) jump(X86::jne, again);
}
/// Is what this line loads read once, and before anything is stored, perhaps there?
bool CodeFunction::stays_in_memory() const {
    bool stays = reads_[now_] == 1;
    for (uint32_t i = now_ + 1; stays && i < last_[now_]; i++) stays = !is_store(lines_.all[i].op);
    return stays;
}
void CodeFunction::write_load(const CodeLine& l) {
    const bool floats = l.op == X86::load;
    if (floats && !rest_ && stays_in_memory()) { place_result(of_tensor(l.index)); return; }
    if (!floats && rest_ && !wide_) move_words(l.index, false);
    const unsigned r = take();
    if (!rest_)      emit(l.op, r, of_tensor(l.index));
    else if (wide_)  emit(l.op, r, 0, of_tensor(l.index), 0, target_.mask);
    else if (floats) emit(X86::load_some, r, target_.mask, of_tensor(l.index), 0);
    else             emit(l.op, r, on_stack(at_rest));
    result(r);
}
void CodeFunction::write_store(const CodeLine& l) {
    const unsigned v = loaded(place(l.from[0]));
    if (!rest_)                   emit(l.op, v, of_tensor(l.index));
    else if (wide_)               emit(l.op, v, 0, of_tensor(l.index), 0, target_.mask);
    else if (l.op == X86::store)  emit(X86::store_some, v, target_.mask, of_tensor(l.index), 0);
    else { emit(l.op, v, on_stack(at_rest)); move_words(l.index, true); }
}
/// a b + c overwrites a source `to`, one that is not read again if there is such. Forms: 132, to m + v; 213, v to + m;
/// 231, v m + to.
void CodeFunction::write_fma(const CodeLine& l) {
    unsigned over = no_register, in_registers = 0, dying = 0;
    for (unsigned i = 0; i < 3; i++) {
        const bool memory = place(l.from[i]).memory;
        in_registers += !memory;
        if (!memory && dies(l.from[i])) { over = i; dying = 1; }
    }
    if (in_registers < 2) { over = no_register; dying = 0; }    // then one of two in memory is loaded
    for (unsigned i = 0; i < 3 && over == no_register; i++) if (in_registers == 3 || place(l.from[i]).memory) over = i;
    const CodePlace from = place(l.from[over]);
    const unsigned to = dying ? from.base : take();
    if (!dying) move_to_register(to, from);
    const CodePlace one = place(l.from[over == 0 ? 1 : 0]), two = place(l.from[over == 2 ? 1 : 2]);
    const bool     second = over == 2 ? !one.memory : two.memory;
    const unsigned form = over == 2 ? 2 : second ? 1 : 0, v = loaded(second ? one : two);
    emit(static_cast<X86>(static_cast<unsigned>(l.op) + form), to, v, second ? two : one, 0);
    free_dying(l);
    result(to);
}
/// Any other: the first source is in a register, if need be that of the result; the second may be in memory, the third
/// chooses between them.
void CodeFunction::write_vector(const CodeLine& l) {
    const bool    mask = gives_mask(l.op), of_masks = mask && l.op != X86::cmp_mask;
    const X86Form form = x86_rows[static_cast<size_t>(l.op)].form;
    const bool    two  = form == X86Form::rvm || form == X86Form::rvmr;
    CodePlace a = place(l.from[0]), b = two ? place(l.from[1]) : a;
    if (commutes(l.op) && a.memory && !b.memory) { const CodePlace t = a; a = b; b = t; }
    const unsigned choice = two && l.from[2] != no_arg ? loaded(place(l.from[2]), wide_ ? all_masks : all_vectors) : 0;
    if (of_masks) b = in_register(loaded(b, all_masks));
    if (mask)     a = in_register(loaded(a, of_masks ? all_masks : all_vectors));
    const bool load = a.memory && form != X86Form::rm && !(wide_ && form == X86Form::vm);
    if (!load) free_dying(l);
    const unsigned r = take(mask ? all_masks : all_vectors);
    if (load) { move_to_register(r, a); a = in_register(r); }
    if (form == X86Form::rm)        emit(l.op, r, 0, of_masks ? b : a, l.index);
    else if (form == X86Form::vm)   emit(l.op, 0, r, a, l.index);
    else if (form == X86Form::rvmr) emit(l.op, r, a.base, b, static_cast<int32_t>(choice << 4));
    else                            emit(l.op, r, a.base, b, l.index, choice);
    if (load) free_dying(l);
    result(r);
}
void CodeFunction::write_line(const CodeLine& l) {
    if (is_load(l.op))                                           write_load(l);
    else if (is_store(l.op))                                   { write_store(l); free_dying(l); }
    else if (l.op == X86::fmadd132 || l.op == X86::fnmadd132)    write_fma(l);
    else                                                         write_vector(l);
}

// ---- functions ----

/// From the first instruction on; pointers_ of LoopCall::at are in registers.
void CodeFunction::open(size_t pointers) {
    pointers_ = pointers;
    emit(X86::endbr64, in_register(0), 0xfa);
    emit(X86::push, in_register(rbp), 0);
    emit(X86::mov, rbp, in_register(rsp));
    for (size_t t = 0; t < pointers; t++)
        if (platform_.saved >> platform_.pointers[t] & 1) emit(X86::push, in_register(platform_.pointers[t]), 0);
    emit(X86::and_imm, in_register(rsp), -64);
    emit(X86::lea, rsp, on_stack(0 - (values_at_ + value_bytes() * most_values)));
    frame_ = code_.size() - 4;
    const unsigned saved = platform_.saves_vectors && !wide_ ? 6 : 16;          // from which vector register on
    for (unsigned r = saved; r < 16; r++) emit(X86::store_half, r, on_stack(at_saved + 16 * (r - saved)));
    for (size_t t = 0; t < pointers; t++)
        emit(X86::mov, platform_.pointers[t], argument(offsetof(LoopCall, at) + 8 * t));
}
/// To the last one, and constants. False if anything failed.
bool CodeFunction::close() {
    const unsigned saved = platform_.saves_vectors && !wide_ ? 6 : 16;
    size_t pushed = 0;
    for (size_t t = 0; t < pointers_; t++) pushed += platform_.saved >> platform_.pointers[t] & 1;
    emit(X86::zeroupper, in_register(0), 0);
    for (unsigned r = saved; r < 16; r++) emit(X86::load_half, r, on_stack(at_saved + 16 * (r - saved)));
    emit(X86::lea, rsp, in_memory(rbp, 0 - 8 * pushed));
    for (size_t t = pointers_; t-- > 0;)
        if (platform_.saved >> platform_.pointers[t] & 1) emit(X86::pop, in_register(platform_.pointers[t]), 0);
    emit(X86::pop, in_register(rbp), 0);
    emit(X86::ret, in_register(0), 0);

    put32(frame_, 0 - frame_bytes());
    while (code_.size() % 64 && !failed_) failed_ |= !code_.push(0xcc);
    for (const Fix& f : fixes_) put32(f.at, code_.size() + target_.constant_bytes * f.constant - f.end);
    put_constants();
    return !failed_ && frame_bytes() < 4096;                    // a page, which the system watches
}

/// Lines over rows, a constant that is kept in each register that they leave:
///
///     each row: vectors, several at a time; vectors; the rest, by masks; pointers go on to the next row
class CodeLoop : public CodeFunction {
public:
    CodeLoop(const CodeLines& lines, List<uint8_t>& code) : CodeFunction(lines, code) {}
    bool write();                                               // false where it cannot be written

private:
    int offset_ = 0;                                            // elements from the index to the first vector

    CodePlace of_tensor(size_t tensor) const override {
        const int bytes = lines_.tensors[tensor].bytes, element = offset_ + target_.lanes * static_cast<int>(vector_);
        if (rest_) return in_memory(platform_.pointers[tensor]);
        return {platform_.pointers[tensor], true, rax, static_cast<uint8_t>(bytes / 2 - 1), element * bytes, false};
    }
    /// Adds to the index, by immediates that are not positive: a byte holds -128, not 128.
    void go_on(int n) {
        emit(n > 0 ? X86::sub_imm : X86::add_imm, in_register(rax), n > 0 ? -n : n);
    }
    void write_row(unsigned together);
};

void CodeLoop::write_row(unsigned together) {
    const uint64_t places = target_.registers & ~constants_;
    const int      vector = 2 * target_.lanes, stride = vector * static_cast<int>(together);
    emit(X86::mov, rax, argument(offsetof(LoopCall, begin)));
    go_on(stride);
    const size_t few = jump(X86::jg), several = code_.size();
    offset_ = -stride / 2;
    write_lines(places, together, false);
    const uint32_t moved = spilled;
    go_on(stride);
    jump(X86::jle, several);
    land(few);
    go_on(-stride);
    offset_ = 0;
    if (together > 1) {
        const size_t no_more = jump(X86::je), again = code_.size();
        write_lines(places, 1, false);
        go_on(vector);
        jump(X86::jne, again);
        land(no_more);
    }
    emit(X86::cmp_imm, argument(offsetof(LoopCall, rest)), 0);
    const size_t whole = jump(X86::je);
    move_to_register(target_.mask, argument(offsetof(LoopCall, mask)));
    write_lines(places & registers_of_rest(), 1, true);
    land(whole);
    spilled = moved;
    for (size_t t = 0; t < lines_.tensors.size(); t++)
        emit(X86::add, platform_.pointers[t], argument(offsetof(LoopCall, step) + 8 * t));
}
bool CodeLoop::write() {
    if (lines_.failed || lines_.tensors.size() > most_pointers) return false;
    count_reads();
    if (failed_) return false;
    const unsigned together = choose_together();
    keep_constants();
    open(lines_.tensors.size());
    load_constants();
    const size_t row = code_.size();
    write_row(together);
    emit(X86::sub_imm, argument(offsetof(LoopCall, rows)), 1);
    jump(X86::jne, row);
    return close();
}

// ---- functions of products ----
//
// A tile of C is `rows` x `vectors` registers of sums. The tiles of some rows follow each other along the columns, then
// those of the next rows; what is left of the rows has tiles of fewer rows and more vectors.
//
//     A[rows][k]    an element for all lanes        B, panels or rows of n     `vectors` registers
//     direct        lines run on each register of sums, as long as few registers do for them
//     else          sums go to the stack, lines run on them row by row, in all registers

class CodeProduct : public CodeFunction {
public:
    CodeProduct(const CodeLines& lines, List<uint8_t>& code, const ProductShape& shape)
        : CodeFunction(lines, code), shape_(shape) {}
    bool write();                                               // false where it cannot be written

private:
    struct Tile { unsigned rows, vectors; bool rest; };         // rest: the last vector ends behind the columns
    static constexpr size_t at_columns = at_rest, at_rows = at_rest + 8, at_tile = at_values;       // on the stack
    static constexpr size_t most_direct = 8, most_unrolled = 32;        // lines; steps of k
    static constexpr uint8_t sums = 11;                         // where the row of sums at hand is

    const ProductShape& shape_;
    Tile     tile_ = {};
    unsigned row_ = 0, column_ = 0;                             // of the tile: of the vectors at hand the first
    bool     direct_ = false;
    uint8_t  numbers_[32] = {};                                 // of the registers, in order
    unsigned most_parked_ = 1, row_vectors_ = 1;                // vectors on the stack that take turns; of a row

    unsigned lanes() const                             { return target_.lanes; }
    unsigned vectors() const        { return static_cast<unsigned>((shape_.n + lanes() - 1) / lanes()); }
    uint8_t  pointer(size_t tensor) const              { return platform_.pointers[tensor]; }
    uint8_t  a() const                                 { return pointer(lines_.tensors.size()); }
    uint8_t  b() const                                 { return pointer(lines_.tensors.size() + 1); }
    size_t   step_of_b() const                         { return 4 * (shape_.width ? shape_.width : shape_.n); }
    unsigned all_registers() const;
    unsigned vectors_of(unsigned rows) const;
    unsigned numbered(unsigned i) const                { return numbers_[i]; }
    unsigned sum(unsigned r, unsigned v) const         { return numbered(r * tile_.vectors + v); }
    size_t   offset_of_b(size_t v) const;

    CodePlace of_tensor(size_t tensor) const override;
    void write_load(const CodeLine& l) override;
    void move(uint8_t r, size_t bytes)                 { if (bytes) emit(X86::lea, r, in_memory(r, bytes)); }
    void write_step(size_t i);
    void write_chain(size_t steps);
    void write_sums();
    void write_direct();
    unsigned rows_together() const;
    void write_parked();
    void write_tile(const Tile& tile);
    void write_columns(unsigned rows);
    void write_rows(unsigned rows);
    bool fits_direct();
};

/// Vector registers but that of a mask.
unsigned CodeProduct::all_registers() const {
    unsigned n = 0;
    for (uint64_t r = registers_of_rest() & all_vectors; r; r >>= 1) n += r & 1;
    return n;
}
/// Sums, one row of B and an element of A are in registers; whole panels of B.
unsigned CodeProduct::vectors_of(unsigned rows) const {
    const unsigned panel = static_cast<unsigned>(shape_.width) / lanes(), fit = (all_registers() - 1) / (rows + 1);
    const unsigned most = panel && fit > panel ? fit / panel * panel : fit, all = vectors();
    const unsigned tiles = (all + most - 1) / most;
    const unsigned even = (all + tiles - 1) / tiles;
    return panel && tiles > 1 ? (even + panel - 1) / panel * panel : even;
}
/// From the first vector of a tile to another one.
size_t CodeProduct::offset_of_b(size_t v) const {
    const size_t panel = shape_.width / lanes();
    return panel ? v / panel * shape_.k * step_of_b() + v % panel * value_bytes() : v * value_bytes();
}
/// Of rows of sums on the stack the index counts, from -2 an element to 0 behind the rows of the tile.
CodePlace CodeProduct::of_tensor(size_t tensor) const {
    const CodeLines::Tensor& t = lines_.tensors[tensor];
    const bool   looped = !direct_ && !t.still;
    const size_t row = t.still ? 0 : (direct_ ? row_ : tile_.rows) + vector_ / row_vectors_;
    const size_t column = size_t(column_ + vector_ % row_vectors_) * lanes();
    CodePlace p = in_memory(pointer(tensor), (row * shape_.n + column) * t.bytes);
    if (looped) { p.index = rax; p.scale = static_cast<uint8_t>(t.bytes / 2 - 1); }
    return p;
}
void CodeProduct::write_load(const CodeLine& l) {
    if (l.index != 0) { CodeFunction::write_load(l); return; }
    if (direct_) {
        const unsigned r = sum(row_, column_ + vector_);
        owner_[r] = turn(static_cast<int32_t>(now_));
        place_result(in_register(r));
        return;
    }
    const CodePlace from = in_memory(sums, (column_ + vector_) * value_bytes());
    if (stays_in_memory()) { place_result(from); return; }
    const unsigned r = take();
    emit(X86::load, r, from);
    result(r);
}

/// One step of k, the i-th from where the pointers are.
void CodeProduct::write_step(size_t i) {
    const unsigned rows = tile_.rows, many = tile_.vectors, element = numbered(rows * many + many);
    const bool     once = wide_ && many == 1;                   // an element of A is read in one place
    const auto b_at = [&](unsigned v) { return in_memory(b(), i * step_of_b() + offset_of_b(v)); };
    const auto masked = [&](unsigned v) { return tile_.rest && !shape_.width && v + 1 == many; };
    for (unsigned v = 0; v < many; v++) {
        const unsigned to = numbered(rows * many + v);
        if (!masked(v)) { if (rows > 1 || once) emit(X86::load, to, b_at(v)); }
        else if (wide_) emit(X86::load, to, 0, b_at(v), 0, target_.mask);
        else            emit(X86::load_some, to, target_.mask, b_at(v), 0);
    }
    for (unsigned r = 0; r < rows; r++) {
        const CodePlace x = in_memory(a(), 4 * (r * shape_.k + i), true);
        if (!once) move_to_register(element, x);
        for (unsigned v = 0; v < many; v++) {
            const CodePlace y = rows == 1 && !masked(v) ? b_at(v) : in_register(numbered(rows * many + v));
            if (once) emit(X86::fmadd231, sum(r, 0), numbered(rows), x, 0);
            else      emit(X86::fmadd231, sum(r, v), element, y, 0);
        }
    }
}
/// Sums of so many steps of k, and the pointers behind them.
void CodeProduct::write_chain(size_t steps) {
    const size_t each = tile_.rows * tile_.vectors, together = each < 16 ? 8 : 4;
    const size_t looped = steps <= most_unrolled && steps * each <= 16 * most_unrolled ? 0 : steps / together;
    for (unsigned i = 0; i < each; i++) emit(X86::xorps, numbered(i), numbered(i), in_register(numbered(i)), 0);
    if (looped) {
        emit(X86::mov_imm, in_register(rax), static_cast<int32_t>(looped));
        const size_t again = code_.size();
        for (size_t i = 0; i < together; i++) write_step(i);
        move(a(), 4 * together);
        move(b(), together * step_of_b());
        emit(X86::sub_imm, in_register(rax), 1);
        jump(X86::jne, again);
    }
    const size_t left = steps - looped * together;
    for (size_t i = 0; i < left; i++) write_step(i);
    move(a(), 4 * left);
    move(b(), left * step_of_b());
}
/// All of a tile: chain by chain, added up in f32; pointers as they were.
void CodeProduct::write_sums() {
    const size_t k = shape_.k, each = tile_.rows * tile_.vectors;
    for (size_t p = 0; p < k; p += PRODUCT_CHAIN) {
        write_chain(k - p < PRODUCT_CHAIN ? k - p : PRODUCT_CHAIN);
        for (unsigned i = 0; p && i < each; i++)
            emit(X86::fadd, numbered(i), numbered(i), on_stack(at_tile + i * value_bytes()), 0);
        for (unsigned i = 0; p + PRODUCT_CHAIN < k && i < each; i++)
            emit(X86::store, numbered(i), on_stack(at_tile + i * value_bytes()));
    }
    move(a(), 0 - 4 * k);
    move(b(), 0 - k * step_of_b());
}
void CodeProduct::write_direct() {
    uint64_t waiting = 0;                                       // sums that no line has read
    for (unsigned i = 0; i < tile_.rows * tile_.vectors; i++) waiting |= only(numbered(i));
    for (row_ = 0; row_ < tile_.rows; row_++)
        for (column_ = 0; column_ < tile_.vectors; column_++) {
            write_lines(registers_of_rest() & ~waiting, 1, tile_.rest && column_ + 1 == tile_.vectors);
            waiting &= ~only(sum(row_, column_));
        }
}
void CodeProduct::write_parked() {
    const unsigned whole = tile_.vectors - tile_.rest;
    for (unsigned i = 0; i < tile_.rows * tile_.vectors; i++)
        emit(X86::store, numbered(i), on_stack(at_tile + i * value_bytes()));
    const unsigned rows = rows_together();
    const uint64_t places = registers_of_rest() & ~constants_;
    load_constants();
    emit(X86::lea, sums, on_stack(at_tile));
    emit(X86::mov_imm, in_register(rax), -2 * static_cast<int32_t>(tile_.rows * shape_.n));
    emit(X86::mov_imm, on_stack(at_rows), static_cast<int32_t>(tile_.rows / rows));
    const size_t again = code_.size();
    for (column_ = 0; column_ < whole; column_ += row_vectors_) {
        const unsigned left = whole - column_;
        row_vectors_ = left < most_parked_ ? left : most_parked_;
        write_lines(places, rows * row_vectors_, false);
    }
    row_vectors_ = 1;
    if (tile_.rest) write_lines(places, 1, true);
    move(sums, rows * tile_.vectors * value_bytes());
    move(rax, rows * 2 * shape_.n);
    emit(X86::sub_imm, on_stack(at_rows), 1);
    jump(X86::jne, again);
}
/// Of narrow tiles several rows take turns.
unsigned CodeProduct::rows_together() const {
    unsigned rows = tile_.rest ? 1 : most_parked_ / tile_.vectors;
    while (rows > 1 && tile_.rows % rows) rows--;
    return rows ? rows : 1;
}
void CodeProduct::write_tile(const Tile& tile) {
    tile_ = tile;
    if (tile_.rest && !wide_) move_to_register(target_.mask, argument(offsetof(LoopCall, mask)));
    write_sums();
    if (direct_) write_direct();
    else         write_parked();
}
/// All columns of some rows, and pointers at the next rows.
void CodeProduct::write_columns(unsigned rows) {
    const unsigned all = vectors(), each = vectors_of(rows);
    const bool     rest = shape_.n % lanes() != 0;
    const unsigned looped = (rest ? all - 1 : all) / each, last = all - looped * each;
    const auto     go_on = [&](size_t elements) {               // columns
        for (size_t t = 0; t < lines_.tensors.size(); t++) move(pointer(t), elements * lines_.tensors[t].bytes);
    };
    if (looped) {
        if (looped > 1) emit(X86::mov_imm, on_stack(at_columns), static_cast<int32_t>(looped));
        const size_t again = code_.size();
        write_tile({rows, each, false});
        go_on(size_t(each) * lanes());
        move(b(), offset_of_b(each));
        if (looped > 1) emit(X86::sub_imm, on_stack(at_columns), 1);
        if (looped > 1) jump(X86::jne, again);
    }
    if (last) write_tile({rows, last, rest});
    const size_t columns = size_t(looped) * each;
    move(a(), 4 * rows * shape_.k);
    move(b(), 0 - offset_of_b(columns));
    for (size_t t = 0; t < lines_.tensors.size(); t++) {
        const size_t next = lines_.tensors[t].still ? 0 : rows * shape_.n;
        move(pointer(t), (next - columns * lanes()) * lines_.tensors[t].bytes);
    }
}
/// As long as so many rows are left.
void CodeProduct::write_rows(unsigned rows) {
    const CodePlace left = argument(offsetof(LoopCall, rows));
    emit(X86::cmp_imm, left, static_cast<int32_t>(rows - 1));
    const size_t few = jump(X86::jle), again = code_.size();
    write_columns(rows);
    emit(X86::sub_imm, left, static_cast<int32_t>(rows));
    emit(X86::cmp_imm, left, static_cast<int32_t>(rows - 1));
    jump(X86::jg, again);
    land(few);
}
/// Do lines find registers while all sums but one are in theirs?
bool CodeProduct::fits_direct() {
    if (lines_.all.size() > most_direct) return false;
    uint64_t others = 0;
    for (unsigned i = 0; i < all_registers() - 2; i++) others |= only(numbered(i));
    tile_   = {1, 1, false};
    direct_ = dry_ = true;
    write_lines(registers_of_rest() & ~others, 1, false);
    const bool fits = !spilled && !failed_;
    direct_ = dry_ = failed_ = false;
    return fits;
}
bool CodeProduct::write() {
    const size_t tensors = lines_.tensors.size();
    if (lines_.failed || tensors + 2 > most_pointers) return false;
    for (const CodeLines::Tensor& t : lines_.tensors) if (!wide_ && t.bytes != 4 && shape_.n % lanes()) return false;
    count_reads();
    if (failed_) return false;
    const unsigned all = all_registers(), most = vectors() == 1 ? all - 2 : (all - 1) / 2 - 1;
    for (unsigned r = 0, i = 0; r < 32; r++) if (registers_of_rest() & only(r)) numbers_[i++] = static_cast<uint8_t>(r);
    direct_ = fits_direct();
    if (!direct_) {
        most_parked_ = choose_together();
        keep_constants();
    }
    values_at_ = at_tile + all * value_bytes();
    used_ = registers_of_rest() & all_vectors;
    open(tensors + 2);
    if (wide_ && shape_.n % lanes()) move_to_register(target_.mask, argument(offsetof(LoopCall, mask)));
    if (shape_.open) {
        const unsigned fewer[] = {most, 4, 1};
        for (unsigned rows : fewer) write_rows(rows);
    } else {
        const size_t   tiles = (shape_.rows + most - 1) / most;
        const unsigned each = static_cast<unsigned>((shape_.rows + tiles - 1) / tiles);
        const unsigned left = static_cast<unsigned>(shape_.rows % each);
        write_rows(each);
        if (left)                  write_rows(left);
        if (each > 1 && left != 1) write_rows(1);               // of a part of the rows
    }
    return close();
}

#else // GK_EMITS_A64

// ---- aarch64 --------------------------------------------------------------------------------------------------------

static inline int32_t smaller_of(CodeLines& to, int32_t a, int32_t b) {
    return to.add(A64::bsl, to.add(A64::fcmgt, b, a), a, b);
}
int32_t CodeLines::lower_here(TraceCode code, int32_t a, int32_t b, int32_t c) {
    switch (code) {
        case TraceCode::neg:       return add(A64::fneg, a);
        case TraceCode::abs:       return add(A64::fabs, a);
        case TraceCode::min:       return smaller_of(*this, a, b);
        case TraceCode::max:       return add(A64::bsl, add(A64::fcmgt, a, b), a, b);
        case TraceCode::fma:
        case TraceCode::xfma:      return add(A64::fmla, c, a, b);
        case TraceCode::fnma:      return add(A64::fmls, c, a, b);
        case TraceCode::less:      return add(A64::fcmgt, b, a);
        case TraceCode::unordered: return add(A64::mvn, add(A64::fcmeq, a, a));
        case TraceCode::select:    return add(A64::bsl, a, b, c);
        case TraceCode::both:      return add(A64::iand, a, b);
        case TraceCode::any:       return add(A64::ior, a, b);
        case TraceCode::negate:    return add(A64::mvn, a);
        case TraceCode::least:     return smaller_of(*this, b, add(A64::fabs, a));
        case TraceCode::recip:     return add(A64::fdiv, constant(1.0f), a);
        case TraceCode::scale:     return scale(a, c);
        default:                   return scale2(a, b);
    }
}
int32_t CodeLines::load(unsigned tensor, DType type) {
    const int32_t v = add(type == DType::f32 ? A64::ldr_q : A64::ldr_d, no_arg, no_arg, no_arg, tensor);
    return type == DType::f32 ? v : add(type == DType::f16 ? A64::fcvtl : A64::shll, v);
}
void CodeLines::store(unsigned tensor, DType type, int32_t v) {
    if (type == DType::f16) v = add(A64::fcvtn, v);
    if (type == DType::bf16) {
        const int32_t upper   = shift(A64::shr, v, 16), odd = add(A64::iand, upper, constant(1u));
        const int32_t rounded = shift(A64::shr, add(A64::iadd, v, add(A64::iadd, odd, constant(0x7fffu))), 16);
        v = add(A64::xtn, add(A64::bsl, add(A64::fcmeq, v, v), rounded, add(A64::ior, upper, constant(0x40u))));
    }
    add(type == DType::f32 ? A64::str_q : A64::str_d, v, no_arg, no_arg, tensor);
}

CodePlace CodePlaces::place_of_constant(size_t c) const { return in_memory(pool, 16 * c); }


/// A function of LoopCall* with lines in it:
///
///     load pointers
///     what a CodeLoop or a CodeProduct is
///     ret; constants
///
/// x0 is the call, x13 where constants are, x14 rows left, x15 and x16 words of a rest; x8 counts, x17 is of no value
/// for long. All registers are the function's own.
class CodeFunction : public CodePlaces {
protected:
    CodeFunction(const CodeLines& lines, List<uint8_t>& code) : CodePlaces(lines, code) {}
    static constexpr uint8_t pointers[most_pointers] = {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12};
    static constexpr uint8_t call = 0, left = 8, rows = 14, count = 15, element = 16, brief = 17;
    size_t frame_ = 0, to_pool_ = 0;

    virtual CodePlace of_tensor(size_t tensor) const = 0;       // its vector at hand; of a rest, its first element
    void open(size_t tensors);
    bool close();

    // ---- words
    void emit(A64 op, unsigned d, unsigned n, unsigned m, int32_t imm) {
        const uint32_t w = encode(a64_rows[static_cast<size_t>(op)], d, n, m, imm);
        for (size_t i = 0; i < 4 && !dry_; i++) failed_ |= !code_.push(static_cast<uint8_t>(w >> 8 * i));
    }
    void emit(A64 op, unsigned d, unsigned n, size_t imm)        { emit(op, d, n, 0, static_cast<int32_t>(imm)); }
    void emit_m(A64 op, unsigned d, unsigned n, unsigned m)      { emit(op, d, n, m, 0); }
    /// A jump back; one that lands where land() is called.
    void   jump(A64 op, unsigned d, size_t to) {
        emit(op, d, 0, 0, static_cast<int32_t>(to) - static_cast<int32_t>(code_.size()));
    }
    size_t jump(A64 op, unsigned d)                              { emit(op, d, 0, 0, 0); return code_.size(); }
    void   land(size_t from) {
        const uint32_t words = static_cast<uint32_t>(code_.size() - from + 4) / 4 << 5;
        for (size_t i = 0; i < 4 && !failed_; i++) code_[from - 4 + i] |= static_cast<uint8_t>(words >> 8 * i);
    }
    void move_to_stack(unsigned r, const CodePlace& to) override {
        emit(A64::str_q, r, to.base, static_cast<size_t>(to.offset));
    }
    void move_to_register(unsigned r, const CodePlace& from) override {
        if (from.memory) emit(A64::ldr_q, r, from.base, static_cast<size_t>(from.offset));
        else             emit_m(A64::ior, r, from.base, from.base);
    }
    void move(uint8_t r, int64_t bytes);
    void write_line(const CodeLine& l) override;
    virtual void write_load(const CodeLine& l);
    void write_store(const CodeLine& l);
    void move_words(unsigned tensor, bool out);
};

void CodeFunction::open(size_t tensors) {
    emit(A64::bti_c, 0, 0, size_t(0));
    frame_ = values_at_ + value_bytes() * most_values;
    emit(A64::sub, stack, stack, frame_);
    to_pool_ = jump(A64::adr, pool);
    for (size_t t = 0; t < tensors; t++) emit(A64::ldr_x, pointers[t], call, offsetof(LoopCall, at) + 8 * t);
    emit(A64::ldr_x, rows, call, offsetof(LoopCall, rows));
}
bool CodeFunction::close() {
    emit(A64::add, stack, stack, frame_);
    emit(A64::ret, 0, 0, size_t(0));
    while (code_.size() % 16 && !failed_) failed_ |= !code_.push(0);
    land(to_pool_);
    put_constants();
    return !failed_;
}
/// A pointer by so many bytes.
void CodeFunction::move(uint8_t r, int64_t bytes) {
    const size_t n = static_cast<size_t>(bytes < 0 ? -bytes : bytes);
    if (n == 0) return;
    if (n < 4096) { emit(bytes < 0 ? A64::sub : A64::add, r, r, n); return; }
    emit(A64::movz, brief, 0, n & 0xffff);
    if (n >> 16) emit(A64::movk, brief, 0, n >> 16);
    emit_m(bytes < 0 ? A64::sub_x : A64::add_x, r, r, brief);
}
/// The elements of a rest to the stack, or from it.
void CodeFunction::move_words(unsigned tensor, bool out) {
    const CodePlace at = of_tensor(tensor);
    const bool      floats = lines_.tensors[tensor].bytes == 4;
    unsigned        there = at.base;
    if (at.offset) { emit(A64::add, brief, at.base, static_cast<size_t>(at.offset)); there = brief; }
    const unsigned from = out ? stack : there, to = out ? there : stack;
    emit(A64::ldr_x, count, call, offsetof(LoopCall, rest));
    const size_t again = code_.size();
    emit(A64::sub, count, count, size_t(1));
    emit_m(floats ? A64::ldr_w : A64::ldrh, element, from, count);
    emit_m(floats ? A64::str_w : A64::strh, element, to, count);
    if (!dry_) jump(A64::cbnz, count, again);
}
void CodeFunction::write_load(const CodeLine& l) {
    if (rest_) move_words(l.index, false);
    const CodePlace at = rest_ ? in_memory(stack) : of_tensor(l.index);
    const unsigned  r = take();
    emit(l.op, r, at.base, static_cast<size_t>(at.offset));
    result(r);
}
void CodeFunction::write_store(const CodeLine& l) {
    const CodePlace at = rest_ ? in_memory(stack) : of_tensor(l.index);
    emit(l.op, loaded(place(l.from[0])), at.base, static_cast<size_t>(at.offset));
    if (rest_) move_words(l.index, true);
    free_dying(l);
}
void CodeFunction::write_line(const CodeLine& l) {
    if (is_load(l.op))  { write_load(l); return; }
    if (is_store(l.op)) { write_store(l); return; }
    const bool over = l.op == A64::fmla || l.op == A64::fmls || l.op == A64::bsl;  // its first source is overwritten
    if (over) {
        const CodePlace first = place(l.from[0]);
        const unsigned  n = loaded(place(l.from[1])), m = loaded(place(l.from[2]));
        const bool      own = !first.memory && dies(l.from[0]);
        const unsigned  d = own ? first.base : take();
        if (!own) move_to_register(d, first);
        emit_m(l.op, d, n, m);
        free_dying(l);
        result(d);
        return;
    }
    const unsigned n = loaded(place(l.from[0])), m = l.from[1] == no_arg ? 0 : loaded(place(l.from[1]));
    free_dying(l);
    const unsigned d = take();
    emit(l.op, d, n, m, l.index);
    result(d);
}

/// Lines over rows, a constant that is kept in each register that they leave:
///
///     each row: vectors, several at a time; vectors; the rest, by way of the stack; pointers go on to the next row
class CodeLoop : public CodeFunction {
public:
    CodeLoop(const CodeLines& lines, List<uint8_t>& code) : CodeFunction(lines, code) {}
    bool write();                                               // false where it cannot be written

private:
    CodePlace of_tensor(size_t tensor) const override {
        return in_memory(pointers[tensor], rest_ ? 0 : vector_ * 4 * lines_.tensors[tensor].bytes);
    }
    void write_vectors(unsigned together, uint64_t places);
    void write_row(unsigned together);
};

/// Some vectors, and pointers past them.
void CodeLoop::write_vectors(unsigned together, uint64_t places) {
    write_lines(places, together, false);
    for (size_t t = 0; t < lines_.tensors.size(); t++)
        emit(A64::add, pointers[t], pointers[t], size_t(4) * together * lines_.tensors[t].bytes);
}
void CodeLoop::write_row(unsigned together) {
    const uint64_t places = target_.registers & ~constants_;
    const size_t   step = 4 * size_t(together);
    emit(A64::ldr_x, left, call, offsetof(LoopCall, begin));    // -2 an element: pointers to where the row begins
    for (size_t t = 0; t < lines_.tensors.size(); t++)
        emit_m(lines_.tensors[t].bytes == 4 ? A64::add_2x : A64::add_x, pointers[t], pointers[t], left);
    emit(A64::adds, left, left, 2 * step);
    const size_t few = jump(A64::b_gt, 0), several = code_.size();
    write_vectors(together, places);
    const uint32_t moved = spilled;
    emit(A64::adds, left, left, 2 * step);
    jump(A64::b_le, 0, several);
    land(few);
    emit(A64::subs, left, left, 2 * step);
    if (together > 1) {
        const size_t no_more = jump(A64::b_eq, 0), again = code_.size();
        write_vectors(1, places);
        emit(A64::adds, left, left, size_t(8));
        jump(A64::b_ne, 0, again);
        land(no_more);
    }
    emit(A64::ldr_x, count, call, offsetof(LoopCall, rest));
    const size_t whole = jump(A64::cbz, count);
    write_lines(places, 1, true);
    land(whole);
    spilled = moved;
    for (size_t t = 0; t < lines_.tensors.size(); t++) {
        emit(A64::ldr_x, count, call, offsetof(LoopCall, step) + 8 * t);
        emit_m(A64::add_x, pointers[t], pointers[t], count);
    }
}
bool CodeLoop::write() {
    if (lines_.failed || lines_.tensors.size() > most_pointers || lines_.constants.size() > 1024) return false;
    count_reads();
    if (failed_) return false;
    const unsigned together = choose_together();
    keep_constants();
    if (failed_) return false;
    open(lines_.tensors.size());
    load_constants();
    const size_t row = code_.size();
    write_row(together);
    emit(A64::subs, rows, rows, size_t(1));
    jump(A64::b_ne, 0, row);
    return close();
}

// ---- functions of products ----
//
// As on x86-64, but that pointers go from row to row of a tile, and that an element of A is one lane of a register.

class CodeProduct : public CodeFunction {
public:
    CodeProduct(const CodeLines& lines, List<uint8_t>& code, const ProductShape& shape)
        : CodeFunction(lines, code), shape_(shape) {}
    bool write();                                               // false where it cannot be written

private:
    struct Tile { unsigned rows, vectors; bool rest; };         // rest: the last vector ends behind the columns
    static constexpr size_t  at_tile = at_values, most_direct = 8, steps_together = 4;
    static constexpr uint8_t columns = 12, sums = 11;           // left; where the row of sums at hand is

    const ProductShape& shape_;
    Tile     tile_ = {};
    unsigned row_ = 0, column_ = 0;                             // of the tile: of the vectors at hand the first
    bool     direct_ = false;
    unsigned most_parked_ = 1;                                  // vectors of a row on the stack that take turns

    unsigned vectors() const                           { return static_cast<unsigned>((shape_.n + 3) / 4); }
    uint8_t  a() const                                 { return pointers[lines_.tensors.size()]; }
    uint8_t  b() const                                 { return pointers[lines_.tensors.size() + 1]; }
    size_t   step_of_b() const                         { return 4 * (shape_.width ? shape_.width : shape_.n); }
    static unsigned numbered(unsigned i)               { return i < 8 ? i : i + 8; }
    unsigned sum(unsigned r, unsigned v) const         { return numbered(r * tile_.vectors + v); }
    unsigned vectors_of(unsigned r) const;

    CodePlace of_tensor(size_t tensor) const override {
        return in_memory(pointers[tensor], size_t(column_ + vector_) * 4 * lines_.tensors[tensor].bytes);
    }
    void write_load(const CodeLine& l) override;
    void next_row(int64_t n);
    void write_step(size_t i);
    void write_chain(size_t steps);
    void write_sums();
    void write_direct();
    void write_parked();
    void write_tile(const Tile& tile);
    void write_columns(unsigned r);
    void write_rows(unsigned r);
    bool fits_direct();
};

/// A panel of B, or as many vectors of a row of it as find registers: all are as wide as the last.
unsigned CodeProduct::vectors_of(unsigned r) const {
    const unsigned panel = static_cast<unsigned>(shape_.width) / 4, fit = 23 / (r + 1), all = vectors();
    const unsigned most = panel && panel < fit ? panel : fit < 6 ? fit : 6;
    return all < most ? all : most;
}
void CodeProduct::write_load(const CodeLine& l) {
    if (l.index != 0) { CodeFunction::write_load(l); return; }
    if (direct_) {
        const unsigned r = sum(row_, column_ + vector_);
        owner_[r] = turn(static_cast<int32_t>(now_));
        place_result(in_register(r));
        return;
    }
    const unsigned r = take();
    emit(l.op, r, sums, (column_ + vector_) * value_bytes());
    result(r);
}
/// Pointers of lines by n rows.
void CodeProduct::next_row(int64_t n) {
    for (size_t t = 0; t < lines_.tensors.size(); t++)
        if (!lines_.tensors[t].still) move(pointers[t], n * static_cast<int64_t>(shape_.n * lines_.tensors[t].bytes));
}
/// One step of k, the i-th from where the pointer of A is.
void CodeProduct::write_step(size_t i) {
    const unsigned many = tile_.vectors, each = tile_.rows * many, x = numbered(each + many);
    for (unsigned v = 0; v < many; v++) emit(A64::ldr_q, numbered(each + v), b(), 16 * size_t(v));
    move(b(), static_cast<int64_t>(step_of_b()));
    for (unsigned r = 0; r < tile_.rows; r++) {
        emit(A64::ldr_s, x, a(), 4 * (r * shape_.k + i));
        for (unsigned v = 0; v < many; v++) emit_m(A64::fmla_1, sum(r, v), numbered(each + v), x);
    }
}
/// Sums of so many steps of k, and the pointers behind them.
void CodeProduct::write_chain(size_t steps) {
    const size_t looped = steps < 2 * steps_together ? 0 : steps / steps_together;
    for (unsigned i = 0; i < tile_.rows * tile_.vectors; i++) emit(A64::zero, numbered(i), 0, size_t(0));
    if (looped) {
        emit(A64::movz, left, 0, looped);
        const size_t again = code_.size();
        for (size_t i = 0; i < steps_together; i++) write_step(i);
        move(a(), 4 * steps_together);
        emit(A64::subs, left, left, size_t(1));
        jump(A64::b_ne, 0, again);
    }
    const size_t rest = steps - looped * steps_together;
    for (size_t i = 0; i < rest; i++) write_step(i);
    move(a(), static_cast<int64_t>(4 * rest));
}
/// All of a tile: chain by chain, added up in f32; pointers as they were.
void CodeProduct::write_sums() {
    const size_t   k = shape_.k;
    const unsigned each = tile_.rows * tile_.vectors, old = numbered(each);
    for (size_t p = 0; p < k; p += PRODUCT_CHAIN) {
        write_chain(k - p < PRODUCT_CHAIN ? k - p : PRODUCT_CHAIN);
        for (unsigned i = 0; p && i < each; i++) {
            emit(A64::ldr_q, old, stack, at_tile + i * value_bytes());
            emit_m(A64::fadd, numbered(i), old, numbered(i));
        }
        for (unsigned i = 0; p + PRODUCT_CHAIN < k && i < each; i++)
            emit(A64::str_q, numbered(i), stack, at_tile + i * value_bytes());
    }
    move(a(), -static_cast<int64_t>(4 * k));
    move(b(), -static_cast<int64_t>(k * step_of_b()));
}
void CodeProduct::write_direct() {
    uint64_t waiting = 0;                                       // sums that no line has read
    for (unsigned i = 0; i < tile_.rows * tile_.vectors; i++) waiting |= only(numbered(i));
    for (row_ = 0; row_ < tile_.rows; row_++) {
        for (column_ = 0; column_ < tile_.vectors; column_++) {
            write_lines(target_.registers & ~waiting, 1, tile_.rest && column_ + 1 == tile_.vectors);
            waiting &= ~only(sum(row_, column_));
        }
        next_row(1);
    }
}
void CodeProduct::write_parked() {
    const unsigned whole = tile_.vectors - tile_.rest;
    for (unsigned i = 0; i < tile_.rows * tile_.vectors; i++)
        emit(A64::str_q, numbered(i), stack, at_tile + i * value_bytes());
    load_constants();
    emit(A64::add, sums, stack, at_tile);
    emit(A64::movz, left, 0, size_t(tile_.rows));
    const size_t again = code_.size();
    for (column_ = 0; column_ < whole;) {
        const unsigned now = whole - column_ < most_parked_ ? whole - column_ : most_parked_;
        write_lines(target_.registers & ~constants_, now, false);
        column_ += now;
    }
    if (tile_.rest) write_lines(target_.registers & ~constants_, 1, true);
    move(sums, static_cast<int64_t>(tile_.vectors * value_bytes()));
    next_row(1);
    emit(A64::subs, left, left, size_t(1));
    jump(A64::b_ne, 0, again);
}
/// And pointers as they were.
void CodeProduct::write_tile(const Tile& tile) {
    tile_ = tile;
    write_sums();
    if (direct_) write_direct();
    else         write_parked();
    next_row(-static_cast<int64_t>(tile.rows));
}
/// All columns of some rows, and pointers at the next rows.
void CodeProduct::write_columns(unsigned r) {
    const bool     rest = shape_.n % 4 != 0;
    const unsigned each = vectors_of(r), looped = (vectors() - rest) / each, last = vectors() - looped * each;
    const int64_t  over = static_cast<int64_t>(looped) * each * 4;      // columns
    const int64_t  panel = static_cast<int64_t>(shape_.width && each == shape_.width / 4
            ? shape_.k * step_of_b() : each * value_bytes());
    const auto go_on = [&](int64_t elements) {
        for (size_t t = 0; t < lines_.tensors.size(); t++) move(pointers[t], elements * lines_.tensors[t].bytes);
    };
    if (looped) {
        if (looped > 1) emit(A64::movz, columns, 0, size_t(looped));
        const size_t again = code_.size();
        write_tile({r, each, false});
        go_on(4 * int64_t(each));
        move(b(), panel);
        if (looped > 1) emit(A64::subs, columns, columns, size_t(1));
        if (looped > 1) jump(A64::b_ne, 0, again);
    }
    if (last) write_tile({r, last, rest});
    go_on(-over);
    move(b(), -panel * looped);
    move(a(), static_cast<int64_t>(4 * r * shape_.k));
    next_row(r);
}
/// As long as so many rows are left.
void CodeProduct::write_rows(unsigned r) {
    emit(A64::subs, rows, rows, size_t(r));
    const size_t few = jump(A64::b_lt, 0), again = code_.size();
    write_columns(r);
    emit(A64::subs, rows, rows, size_t(r));
    jump(A64::b_ge, 0, again);
    land(few);
    emit(A64::add, rows, rows, size_t(r));
}
/// Do lines find registers while all sums but one are in theirs?
bool CodeProduct::fits_direct() {
    if (lines_.all.size() > most_direct) return false;
    tile_   = {1, 1, false};
    direct_ = dry_ = true;
    write_lines(target_.registers & ~(all_vectors & 0xfff00ff), 1, false);
    const bool fits = !spilled && !failed_;
    direct_ = dry_ = failed_ = false;
    return fits;
}
bool CodeProduct::write() {
    const size_t tensors = lines_.tensors.size();
    const bool   whole = shape_.n % 4 == 0;
    if (lines_.failed || tensors + 2 > most_pointers - 2 || (!shape_.width && !whole)) return false;
    count_reads();
    if (failed_) return false;
    direct_ = fits_direct();
    if (!direct_) {
        most_parked_ = choose_together();
        keep_constants();
    }
    values_at_ = at_tile + 24 * value_bytes();
    used_ = target_.registers;
    open(tensors + 2);
    const unsigned most = vectors() == 1 ? 12 : vectors() == 2 ? 8 : 6;
    if (shape_.open) {
        const unsigned fewer[] = {most, 4, 1};
        for (unsigned r : fewer) write_rows(r);
    } else {
        const size_t   tiles = (shape_.rows + most - 1) / most;
        const unsigned each = static_cast<unsigned>((shape_.rows + tiles - 1) / tiles);
        const unsigned over = static_cast<unsigned>(shape_.rows % each);
        write_rows(each);
        if (over)                  write_rows(over);
        if (each > 1 && over != 1) write_rows(1);               // of a part of the rows
    }
    return close();
}

#endif
#endif // GK_EMITS_X86 || GK_EMITS_A64
} // namespace impl

// ---- the groups of a layer -----------------------------------------------------------------------------------------

#if !GK_EMITS_X86 && !GK_EMITS_A64
bool CompiledLayer::State::can_emit_product(uint32_t) const { return false; }
void CompiledLayer::State::emit_code(const CompilerGraph&) {}
void CompiledLayer::State::run_product(uint32_t, const impl::Rows&, const Parallel&) const {}
void CompiledLayer::State::run_unit(const CodeGenUnit&, const impl::Window*, size_t, size_t) const {}
#else

const OpTrace* CompiledLayer::State::trace_of(const CompilerGraph& graph, uint32_t v) {
    const SemanticNode& n = dag.nodes[v];
    return n.op != CompilerOp::kernel ? nullptr
            : n.kind == OpKind::user ? graph.node(n.node).trace : registry.find(n.kind);
}
/// Is this value read by others than the function of its group, or of the group behind its product, that ends there?
bool CompiledLayer::State::read_behind(const FusionGroup& g, uint32_t v, uint32_t end) const {
    if (impl::is_product(dag.nodes[v].op) && values[v].where == impl::Where::buffer)
        return values[v].last > values[node_at(end - 1)].group || v == node_at(end - 1);
    if (values[v].where != impl::Where::tile) return true;
    for (uint32_t i = end; i < g.end; i++)
        for (size_t j = 0; j < dag.nodes[node_at(i)].inputs; j++) if (dag.nodes[node_at(i)].input[j] == v) return true;
    return false;
}
/// The lines of nodes begin .. end - 1 of the plan, all of one group; false where one has none.
bool CompiledLayer::State::flatten(const CompilerGraph& graph, const FusionGroup& g, uint32_t begin, uint32_t end,
        impl::CodeLines& lines) {
    int32_t result[impl::most_in_group] = {};
    impl::List<int32_t> from;                                   // of the operations of one recording
    for (uint32_t k = begin; k < end; k++) {
        const uint32_t      v = node_at(k);
        const SemanticNode& n = dag.nodes[v];
        const auto tensor = [&](uint32_t u) {
            const TensorDesc& d = dag.nodes[u].desc;
            return lines.tensor({u, static_cast<uint8_t>(impl::element_bytes(d)), u != v && impl::spreads(d, n.desc)});
        };
        int32_t operand[3] = {no_arg, no_arg, no_arg};
        for (size_t j = 0; j < n.inputs && !impl::is_product(n.op); j++) {
            const uint32_t u = n.input[j];
            for (uint32_t i = begin; i < k; i++) if (node_at(i) == u) operand[j] = result[i - begin];
            if (operand[j] == no_arg) operand[j] = lines.load(tensor(u), dag.nodes[u].desc.dtype);
        }
        int32_t value = operand[0];
        if (impl::is_product(n.op)) {
            value = lines.load(tensor(v), DType::f32);          // its sums
        } else if (n.op == CompilerOp::convert) {
            if (n.desc.dtype != DType::f32 && dag.nodes[n.input[0]].desc.dtype != DType::f32) return false;
        } else {
            const OpTrace* const t = trace_of(graph, v);
            if (!t || !from.fill(t->ops.size(), no_arg)) return false;
            for (size_t i = 0; i < t->ops.size() && !lines.failed; i++) {
                const TraceOp& op = t->ops[i];
                int32_t a[3];
                for (size_t j = 0; j < 3; j++) {
                    const int32_t s = op.arg[j];
                    a[j] = s >= 0 ? from[static_cast<size_t>(s)] : no_arg;
                    if (s >= 0 || s == no_arg) continue;
                    a[j] = lines.constant(static_cast<uint32_t>(t->constants[static_cast<size_t>(~s)].bits));
                }
                if (op.code == TraceCode::store)          value   = a[0];
                else if (op.code == TraceCode::load)      from[i] = operand[op.index];
                else if (op.code == TraceCode::parameter) from[i] = lines.constant(n.parameter[op.index]);
                else                                      from[i] = lines.lower(op, a);
            }
        }
        result[k - begin] = value;
        if (read_behind(g, v, end)) lines.store(tensor(v), n.desc.dtype, value);
    }
    return !lines.failed;
}
bool CompiledLayer::State::push_pointer(uint32_t node, uint8_t bytes, bool still) {
    return codegen.pointers.push({node, bytes, still, still ? 0 : dag.nodes[node].desc.cols * bytes});
}
/// A function for as many nodes from `begin` on as do well in one loop; the one behind them. An instruction
/// waits for the one before it, so a CPU that looks ahead some hundred instructions must find those of other vectors
/// among them: two long operations, one behind the other, are faster as two loops over a tile.
uint32_t CompiledLayer::State::emit_unit(const CompilerGraph& graph, const FusionGroup& g, uint32_t begin,
        impl::List<uint8_t>& code) {
    constexpr size_t many = 12;
    uint32_t end = begin;
    for (size_t all = 0; end < g.end; end++) {
        const SemanticNode&  n = dag.nodes[node_at(end)];
        const OpTrace* const t = trace_of(graph, node_at(end));
        size_t arithmetic = t ? 0 : 1;
        for (size_t i = 0; t && i < t->ops.size(); i++)
            arithmetic += t->ops[i].code != TraceCode::store && t->ops[i].arg[0] != no_arg;
        if (n.op_class != OpClass::elementwise || n.desc.cols != dag.nodes[node_at(begin)].desc.cols) break;
        if (all > many && arithmetic > many) break;
        all += arithmetic;
    }
    for (;; end = begin + (end - begin) / 2) {
        impl::CodeLines lines(*target);
        if (end == begin || !flatten(graph, g, begin, end, lines)) return begin;
        if (lines.tensors.size() > impl::most_pointers) continue;
        impl::CodeLoop loop(lines, code);
        CodeGenUnit unit = {};
        unit.offset = code.size();
        unit.first  = begin;
        unit.last   = end;
        unit.begin  = static_cast<uint32_t>(codegen.pointers.size());
        unit.end    = unit.begin + static_cast<uint32_t>(lines.tensors.size());
        if (!loop.write()) return begin;
        unit.bytes     = code.size() - unit.offset;
        unit.registers = loop.registers;
        unit.constants = static_cast<uint32_t>(lines.constants.size());
        unit.kept      = loop.kept;
        unit.spilled   = loop.spilled;
        for (const impl::CodeLines::Tensor& t : lines.tensors)
            if (!push_pointer(t.node, t.bytes, t.still)) return begin;
        return codegen.units.push(unit) ? end : begin;
    }
}
bool CompiledLayer::State::can_emit_product(uint32_t v) const {
    const SemanticNode& n = dag.nodes[v];
    bool emits = false;
    if (!impl::is_product(n.op) || !options.products || !options.machine_code) return false;
    if (isa_presence(profile.isa) != Presence::native) return false;
    for (const impl::CodeTarget& t : impl::targets) emits = emits || t.isa == profile.isa;
    const TensorDesc& a = dag.nodes[n.input[0]].desc;
    const TensorDesc& b = dag.nodes[n.input[1]].desc;
    const bool plain = packed_for(v) || (n.op == CompilerOp::matmul && b.dtype == DType::f32);
    return emits && plain && a.cols <= impl::PRODUCT_K && n.desc.cols * a.cols <= impl::PRODUCT_B
            && n.desc.rows <= impl::PRODUCT_M;
}
/// A function for a product, and for the group behind it where that is injected.
bool CompiledLayer::State::emit_product(const CompilerGraph& graph, uint32_t group, impl::List<uint8_t>& code) {
    FusionGroup&        g = fusion.groups[group];
    const uint32_t      v = node_at(g.begin);
    const SemanticNode& n = dag.nodes[v];
    const FusionGroup&  last = fusion.groups[behind(group)];
    impl::CodeLines lines(*target);
    if (!flatten(graph, last, g.begin, last.end, lines)) return false;
    const impl::ProductShape shape = {n.desc.cols, dag.nodes[n.input[0]].desc.cols,
                                      packed_for(v) ? kernels.table().gemm->nr : 0, n.desc.rows, n.desc.open};
    const size_t before = code.size();
    impl::CodeProduct product(lines, code, shape);
    if (!product.write()) {
        while (code.size() > before) code.pop();
        return false;
    }
    CodeGenUnit unit = {};
    unit.offset = before;
    unit.bytes  = code.size() - before;
    unit.first  = g.begin;
    unit.last   = last.end;
    unit.begin  = static_cast<uint32_t>(codegen.pointers.size());
    unit.end    = unit.begin + static_cast<uint32_t>(lines.tensors.size()) + 2;
    unit.registers = product.registers;
    unit.constants = static_cast<uint32_t>(lines.constants.size());
    unit.kept      = product.kept;
    unit.spilled   = product.spilled;
    for (const impl::CodeLines::Tensor& t : lines.tensors) if (!push_pointer(t.node, t.bytes, t.still)) return false;
    for (size_t j = 0; j < 2; j++) if (!push_pointer(n.input[j], sizeof(float), j == 1)) return false;
    g.unit = static_cast<uint32_t>(codegen.units.size());
    if (!codegen.units.push(unit)) return false;
    g.units = 1;
    return true;
}
/// Functions for the groups that can have them; none where the system lends no memory for code.
void CompiledLayer::State::emit_code(const CompilerGraph& graph) {
    if (!options.machine_code || isa_presence(profile.isa) != Presence::native) return;
    for (const impl::CodeTarget& t : impl::targets) if (t.isa == profile.isa) target = &t;
    if (!target) return;
    impl::List<uint8_t> code;
    for (uint32_t i = 0; i < fusion.groups.size(); i++) {
        FusionGroup& g = fusion.groups[i];
        const SemanticNode& only = dag.nodes[node_at(g.begin)];
        const bool kernel = only.op != CompilerOp::kernel || impl::has_kernel(only.kind);
        if (can_emit_product(node_at(g.begin)) && emit_product(graph, i, code) && !only.desc.open
                && has_sums_of_code(node_at(g.begin), only.desc.rows))
            i = behind(i);                                      // which never runs alone
        if (g.strategy == FusionStrategy::kernel_call || (g.strategy == FusionStrategy::single && kernel)) continue;
        g.unit = static_cast<uint32_t>(codegen.units.size());
        for (uint32_t next = g.begin; next < g.end;) {
            const uint32_t behind = emit_unit(graph, g, next, code);
            next = behind == next ? next + 1 : behind;          // one without a function
        }
        g.units = static_cast<uint32_t>(codegen.units.size()) - g.unit;
    }
    if (code.size() && code_memory.hold(code.begin(), code.size())) {
        codegen.code  = static_cast<const uint8_t*>(code_memory.at);
        codegen.bytes = code.size();
        return;
    }
    for (size_t i = 0; i < fusion.groups.size(); i++) fusion.groups[i].units = 0;
    codegen.units.clear();
    codegen.pointers.clear();
}
namespace impl {
#if defined(__clang__)
__attribute__((no_sanitize("function")))                        // machine code says nothing of its type
#endif
static inline void call_code(const uint8_t* entry, LoopCall* call) {
    void (*function)(LoopCall*);
    memcpy(&function, &entry, sizeof function);
    function(call);
}
/// Elements up to where a vector of each tensor begins at a multiple of its size; 0 where that is nowhere, or too few
/// follow: a vector that spans two lines of the cache takes twice the time.
static inline size_t before_aligned(const CodeTarget& target, const Window* at, const PtrSource* p, size_t count,
        size_t cols) {
    const auto past = [&](size_t i) { return reinterpret_cast<uintptr_t>(at[i].at) / p[i].bytes % target.lanes; };
    if (cols < 256u * target.lanes) return 0;
    for (size_t i = 1; i < count; i++) if (past(i) != past(0)) return 0;
    return (target.lanes - past(0)) % target.lanes;
}
} // namespace impl

/// Rows of a product, and of the group behind it where that is injected.
void CompiledLayer::State::run_product(uint32_t group, const impl::Rows& r, const Parallel& p) const {
    const CodeGenUnit&         unit = codegen.units[fusion.groups[group].unit];
    const impl::PackedWeight*  w = packed_for(node_at(unit.first));
    const uint32_t             count = unit.end - unit.begin;
    const size_t               rest = dag.nodes[node_at(unit.first)].desc.cols % target->lanes;
    const auto run = [&](size_t begin, size_t end, size_t) {
        impl::LoopCall call;
        call.rows = end - begin;
        call.rest = rest;
        for (size_t i = 0; i < 8 && rest; i++) call.mask[i] = i < rest ? -1 : 0;
        if (target->isa == Isa::avx512) call.mask[0] = (1 << rest) - 1;
        for (uint32_t i = 0; i < count; i++) {
            const PtrSource&        at = codegen.pointers[unit.begin + i];
            const impl::ValuePlace& v  = values[at.node];
            call.at[i] = v.at + r.task * v.each + (begin + (v.each ? 0 : r.begin)) * at.row_bytes;
        }
        if (w) call.at[count - 1] = static_cast<uint8_t*>(w->panels);
        impl::call_code(codegen.code + unit.offset, &call);
    };
    if (r.count == 0) return;
    const Parallel shared = impl::worth(p, planned[group].work);
    if (impl::width_of(shared) == 1) run(0, r.count, 0);
    else                             impl::split(shared, r.count, kernels.table().gemm->mr, run);
}
void CompiledLayer::State::run_unit(const CodeGenUnit& unit, const impl::Window* at, size_t rows, size_t cols) const {
    const PtrSource* const pointer = &codegen.pointers[unit.begin];
    const uint32_t         count = unit.end - unit.begin;
    bool whole = true;                                          // rows without gaps are one
    for (uint32_t i = 0; i < count; i++) whole = whole && at[i].stride == cols * pointer[i].bytes;
    if (whole) { cols *= rows; rows = 1; }
    impl::LoopCall call;
    const auto columns = [&](size_t begin, size_t end) {
        call.rows  = rows;
        call.rest  = (end - begin) % target->lanes;
        call.begin = -2 * static_cast<int64_t>(end - begin - call.rest);
        for (size_t i = 0; i < 8 && call.rest; i++) call.mask[i] = i < call.rest ? -1 : 0;
        if (target->isa == Isa::avx512) call.mask[0] = (1 << call.rest) - 1;
        for (uint32_t i = 0; i < count; i++) {
            call.at[i]   = at[i].at + (end - call.rest) * pointer[i].bytes;
            call.step[i] = at[i].stride;
        }
        impl::call_code(codegen.code + unit.offset, &call);
    };
    const size_t head = rows == 1 ? impl::before_aligned(*target, at, pointer, count, cols) : 0;
    if (head) columns(0, head);
    columns(head, cols);
}
#endif

GK_NAMESPACE_END
#undef GK_EMITS_X86
#undef GK_EMITS_A64
#endif // GLLM_KERNELS_COMPILER

#endif // GK_WANTED(GK_DISPATCH)

#if defined(__clang__)
#pragma float_control(pop)
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

#undef GK_X86
#undef GK_ARM64
#undef GK_ARM32
#undef GK_INL
#undef GK_MEM
#undef GK_INLINED
#undef GK_NOINLINE
#undef GK_UNROLL
#undef GK_SCALAR
#undef GK_AVX2
#undef GK_AVX512
#undef GK_NEON
#undef GK_TRACE
#undef GK_AVXVNNI
#undef GK_AVX512VNNI
#undef GK_DOTPROD
#undef GK_I8MM
#undef GK_AMX
#undef GK_AVX512BF16
#undef GK_IN_ORDER
#undef GK_A64
#undef GK_HAS_AVX2
#undef GK_HAS_AVX512
#undef GK_HAS_NEON
#undef GK_HAS_AVX_VNNI
#undef GK_HAS_DOTPROD
#undef GK_HAS_I8MM
#undef GK_HAS_TILES
#undef GK_WANTED
#undef GK_DISPATCH
#undef GK_DECLARE_TABLES
#ifdef GLLM_KERNELS_ONLY_PASS
#undef GK_ONLY
#undef GK_PASS_NAMED
#undef GK_PASS_NAMED_scalar
#undef GK_PASS_NAMED_avx2
#undef GK_PASS_NAMED_avx512
#undef GK_PASS_NAMED_neon
#undef GK_PASS_NAMED_dispatch
#endif
#undef GK_HAS_KQUANT
#undef GK_HAS_IQ
#undef GK_HAS_ATTENTION
#undef GK_HAS_CHECKPOINTS
#undef GK_HAS_ALWAYS
#undef GK_FORMATS
#undef GK_KERNEL
#undef GK_DOT
#undef GK_DECLARE_DOT
#undef GK_X86_DOTS
#undef GK_ARM64_DOTS
#undef GK_REGION
#undef GK_REGION_END
#undef GK_TABLES
#endif // GLLM_KERNELS_IMPLEMENTATION

#undef GK_API
#undef GK_INTERNAL
#undef GK_EXPORT
#undef GK_TYPE
#undef GK_HIDDEN
#undef GK_HIDE
#undef GK_HIDE_END
#undef GK_PUBLIC_BEGIN
#undef GK_PUBLIC_END
#undef GK_NAMESPACE_BEGIN
#undef GK_NAMESPACE_END
#undef GK_PRAGMA
#pragma pop_macro("min")
#pragma pop_macro("max")

// ============================================================================
// [27] HISTORY AND LICENCE
// ============================================================================
//
//   0.1.0  2026-11-21  scalar, AVX2, AVX-512, NEON; 29 block formats; AWQ, GPTQ, SqueezeLLM checkpoints
//
// MIT licence. Copyright (c) 2026 the gllm_kernels authors.
//
// Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
// documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
// rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
// permit persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright
// notice and this permission notice shall be included in all copies or substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
// WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
// COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
// OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

#endif // GK_PASS

// A pass ends here; the driver sets these again for the next.
#undef GK_PASS
#undef GK_NS
#undef GK_ISA
#undef GK_FEATURE
#undef GK_FEATURE_NS
#endif // C++17
