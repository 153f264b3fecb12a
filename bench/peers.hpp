// Libraries that multiply, too: oneDNN and libxsmm, where the system has them. They are loaded when a program runs, by
// what their documentation says of their C interfaces: nothing here needs them to be built.
// SPDX-License-Identifier: MIT
//
//   oneDNN     libdnnl.so.2: inner products with a bias and an eltwise behind them, weights in the order it asks for
//   libxsmm    libxsmm.so.1 or libxsmm.so: a function for a small product. Of a system that has an archive alone:
//              g++ -shared -o libxsmm.so.1 -Wl,--whole-archive libxsmm.a libxsmmnoblas.a -Wl,--no-whole-archive -ldl -pthread
#ifndef BENCH_PEERS_HPP
#define BENCH_PEERS_HPP

#include "gllm_kernels.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#endif

namespace peers {

#if defined(__unix__) || defined(__APPLE__)
inline void* load(const char* name)                    { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
inline void* find(void* library, const char* name)     { return dlsym(library, name); }
inline void  keep_to_one_thread()                      { setenv("OMP_NUM_THREADS", "1", 1); }
#else
inline void* load(const char*)                         { return nullptr; }
inline void* find(void*, const char*)                  { return nullptr; }
inline void  keep_to_one_thread()                      {}
#endif

/// Functions of a library; false where it lacks one.
struct Library {
    void* handle = nullptr;
    bool  has_all = true;
    template <class F> void take(const char* name, F*& f) {
        f = handle ? reinterpret_cast<F*>(find(handle, name)) : nullptr;
        has_all = has_all && f;
    }
};

// ---- libxsmm: matrices in columns, so that C = A B in rows is its C^T = B^T A^T
class Xsmm {
public:
    using Kernel = void(const float* a, const float* b, float* c, ...);
    Xsmm() {
        lib_.handle = load("libxsmm.so.1");
        if (!lib_.handle) lib_.handle = load("libxsmm.so");
        lib_.take("libxsmm_init", init_);
        lib_.take("libxsmm_finalize", finalize_);
        lib_.take("libxsmm_set_target_arch", set_target_);
        lib_.take("libxsmm_smmdispatch", dispatch_);
    }
    bool there() const                                 { return lib_.has_all; }
    /// c[m][n] = a[m][k] b[k][n] on this set; null where there is none. What it gave for another set is gone.
    Kernel* product(gllm::Isa isa, size_t m, size_t n, size_t k) {
        if (!there() || (isa != gllm::Isa::avx2 && isa != gllm::Isa::avx512)) return nullptr;
        const int   rows = int(n), cols = int(m), depth = int(k);
        const float one = 1, zero = 0;
        if (isa != isa_) {
            finalize_();
            init_();
            set_target_(isa == gllm::Isa::avx512 ? "skx" : "hsw");
            isa_ = isa;
        }
        return dispatch_(rows, cols, depth, &rows, &depth, &rows, &one, &zero, nullptr, nullptr);
    }

private:
    Library   lib_;
    gllm::Isa isa_ = gllm::Isa::scalar;
    void (*init_)();
    void (*finalize_)();
    void (*set_target_)(const char* name);
    Kernel* (*dispatch_)(int m, int n, int k, const int* lda, const int* ldb, const int* ldc, const float* alpha,
                         const float* beta, const int* flags, const int* prefetch);
};

// ---- oneDNN 2: what it makes lives as long as the program
class OneDnn {
public:
    OneDnn() {
        keep_to_one_thread();                                   // before it looks
        lib_.handle = load("libdnnl.so.2");
        lib_.take("dnnl_set_max_cpu_isa", set_most_);
        lib_.take("dnnl_engine_create", engine_create_);
        lib_.take("dnnl_stream_create", stream_create_);
        lib_.take("dnnl_memory_desc_init_by_tag", describe_);
        lib_.take("dnnl_memory_create", memory_create_);
        lib_.take("dnnl_primitive_attr_create", attr_create_);
        lib_.take("dnnl_post_ops_create", post_ops_create_);
        lib_.take("dnnl_post_ops_append_eltwise", append_eltwise_);
        lib_.take("dnnl_primitive_attr_set_post_ops", set_post_ops_);
        lib_.take("dnnl_inner_product_forward_desc_init", inner_product_);
        lib_.take("dnnl_reorder_primitive_desc_create", reorder_);
        lib_.take("dnnl_primitive_desc_create", plan_);
        lib_.take("dnnl_primitive_desc_query_md", query_);
        lib_.take("dnnl_primitive_create", create_);
        lib_.take("dnnl_primitive_execute", execute_);
        isa_ = gllm::best_isa();
        if (!there()) return;
        if (isa_ == gllm::Isa::avx2) set_most_(AVX2);           // once, before anything else
        if (engine_create_(&engine_, CPU, 0) || stream_create_(&stream_, engine_, IN_ORDER)) lib_.has_all = false;
    }
    bool there() const                                 { return lib_.has_all; }
    bool runs_on(gllm::Isa isa) const                  { return there() && isa == isa_; }

    /// y = gelu(x W + b), layer after layer, [rows][widths[i]] at values[i]; no function where it refuses. w [from][to].
    std::function<void()> network(const std::vector<size_t>& widths, size_t rows, const std::vector<const float*>& w,
                                  const std::vector<const float*>& b, const std::vector<float*>& values) {
        std::vector<Call> calls;
        void* x = memory(desc(rows, widths[0], ROWS), values[0]);
        for (size_t i = 0; i < w.size() && x; i++) {
            void* const y = memory(desc(rows, widths[i + 1], ROWS), values[i + 1]);
            if (!add_layer(widths[i], widths[i + 1], rows, w[i], b[i], x, y, calls)) return nullptr;
            x = y;
        }
        return [this, calls] { for (const Call& c : calls) execute_(c.primitive, stream_, int(c.args.size()), c.args.data()); };
    }

private:
    // numbers of its interface
    enum { CPU = 1, IN_ORDER = 1, AVX2 = 7, F32 = 3, ANY = 1, VECTOR = 2, ROWS = 3, COLUMNS = 22, INFERENCE = 96, GELU = 0xcf,
           SOURCE = 1, TARGET_ = 17, WEIGHTS = 33, BIAS = 41, WEIGHTS_DESC = 131 };
    struct Desc { alignas(16) unsigned char bytes[2048]; };     // of a memory; its own are smaller
    struct Operation { alignas(16) unsigned char bytes[16384]; };
    struct Arg { int number; void* memory; };
    struct Call { void* primitive; std::vector<Arg> args; };

    Library   lib_;
    gllm::Isa isa_;
    void     *engine_ = nullptr, *stream_ = nullptr;
    std::vector<std::unique_ptr<float[]>> owned_;
    int (*set_most_)(int isa);
    int (*engine_create_)(void** engine, int kind, size_t index);
    int (*stream_create_)(void** stream, void* engine, unsigned flags);
    int (*describe_)(Desc* d, int dims, const int64_t* sizes, int type, int tag);
    int (*memory_create_)(void** memory, const Desc* d, void* engine, void* data);
    int (*attr_create_)(void** attr);
    int (*post_ops_create_)(void** ops);
    int (*append_eltwise_)(void* ops, float scale, int kind, float alpha, float beta);
    int (*set_post_ops_)(void* attr, const void* ops);
    int (*inner_product_)(Operation* o, int kind, const Desc* x, const Desc* w, const Desc* b, const Desc* y);
    int (*reorder_)(void** plan, const Desc* from, void* engine, const Desc* to, void* other, const void* attr);
    int (*plan_)(void** plan, const Operation* o, const void* attr, void* engine, const void* hint);
    const Desc* (*query_)(const void* plan, int what, int index);
    int (*create_)(void** primitive, const void* plan);
    int (*execute_)(const void* primitive, void* stream, int n, const Arg* args);

    Desc desc(size_t rows, size_t cols, int tag) const {
        Desc d = {};
        const int64_t sizes[12] = {int64_t(rows), int64_t(cols)};
        describe_(&d, 2, sizes, F32, tag);
        return d;
    }
    void* memory(const Desc& d, const float* data) const {
        void* m = nullptr;
        return memory_create_(&m, &d, engine_, const_cast<float*>(data)) ? nullptr : m;
    }
    void* gelu_behind() const {
        void *attr = nullptr, *ops = nullptr;
        const bool ok = !attr_create_(&attr) && !post_ops_create_(&ops) && !append_eltwise_(ops, 1, GELU, 0, 0)
                && !set_post_ops_(attr, ops);
        return ok ? attr : nullptr;
    }
    bool add_layer(size_t from, size_t to, size_t rows, const float* w, const float* b, void* x, void* y,
                   std::vector<Call>& calls) {
        const Desc in = desc(rows, from, ROWS), out = desc(rows, to, ROWS), any = desc(to, from, ANY);
        const Desc given = desc(to, from, COLUMNS);             // its weights are [to][from]
        Desc bias = {};
        const int64_t size[12] = {int64_t(to)};
        describe_(&bias, 1, size, F32, VECTOR);
        Operation op;
        void *plan = nullptr, *order = nullptr;
        Call call, ordering;
        if (inner_product_(&op, INFERENCE, &in, &any, &bias, &out)) return false;
        if (plan_(&plan, &op, gelu_behind(), engine_, nullptr) || create_(&call.primitive, plan)) return false;
        const Desc* const wanted = query_(plan, WEIGHTS_DESC, 0);
        owned_.emplace_back(new float[(from + 64) * (to + 64)]);
        void *const there = memory(*wanted, owned_.back().get()), *const here = memory(given, w);
        if (reorder_(&order, &given, engine_, wanted, engine_, nullptr) || create_(&ordering.primitive, order)) return false;
        ordering.args = {{SOURCE, here}, {TARGET_, there}};
        if (execute_(ordering.primitive, stream_, 2, ordering.args.data())) return false;
        call.args = {{SOURCE, x}, {WEIGHTS, there}, {BIAS, memory(bias, b)}, {TARGET_, y}};
        calls.push_back(call);
        return true;
    }
};

} // namespace peers

#endif
