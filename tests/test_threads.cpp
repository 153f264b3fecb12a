// Parallel and ThreadPool: catches results that depend on the number of threads, the order of tasks or the split; tasks that
// write over each other; a pool that hangs, loses tasks or cannot be used again; scratch that is shared by mistake.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

#include <atomic>
#include <thread>

using namespace oracle;
using namespace test;
using gllm::Activation;
using gllm::CpuKernels;
using gllm::Parallel;
using gllm::Status;
using gllm::ThreadPool;

// ---- three ways to run tasks ------------------------------------------------

/// In the calling thread, last task first.
static void run_backwards(void*, unsigned tasks, void (*task)(void*, unsigned), void* arg) {
    for (unsigned i = tasks; i-- > 0;) task(arg, i);
}
/// A thread for every task.
static void run_at_once(void*, unsigned tasks, void (*task)(void*, unsigned), void* arg) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < tasks; i++) threads.emplace_back(task, arg, i);
    for (std::thread& t : threads) t.join();
}
/// In order, counting what is asked for.
static void run_counting(void* pool, unsigned tasks, void (*task)(void*, unsigned), void* arg) {
    unsigned& most = *static_cast<unsigned*>(pool);
    if (tasks > most) most = tasks;
    for (unsigned i = 0; i < tasks; i++) task(arg, i);
}
static Parallel parallel_of(unsigned width, void (*run)(void*, unsigned, void (*)(void*, unsigned), void*), void* pool = nullptr) {
    Parallel p;
    p.width = width;
    p.pool  = pool;
    p.run   = run;
    return p;
}

// ---- the same bits ----------------------------------------------------------

inline void expect_ok(Status s) { CHECK_MESSAGE(s, "refused: " << text(s.what)); }

/// Everything that splits its work, into one long output.
template <class E> struct Work {
    size_t m, n, kk;
    std::vector<E> a, b, bt, bias;
    std::vector<float>      of_f32;                             // B[n][k] once more, of each type
    std::vector<gllm::f16>  of_f16;
    std::vector<gllm::bf16> of_bf16;
    Work(size_t m_, size_t n_, size_t k_) : m(m_), n(n_), kk(k_) {
        Rng rng(m * 31 + n);
        a = draw<E>(rng, m * kk), b = draw<E>(rng, kk * n), bias = draw<E>(rng, n > kk ? n : kk);
        of_f32 = draw<float>(rng, n * kk), of_f16 = draw<gllm::f16>(rng, n * kk), of_bf16 = draw<gllm::bf16>(rng, n * kk);
        bt.resize(n * kk);
        for (size_t p = 0; p < kk; p++)
            for (size_t j = 0; j < n; j++) bt[j * kk + p] = b[p * n + j];
    }
    size_t size() const { return 8 * m * n + n + 2 * m * kk; }
    void run(const CpuKernels<E>& k, E* out) const {
        std::vector<uint8_t> packed(k.packed_b_bytes(n, kk) + 1);
        expect_ok(k.pack_b_transposed(bt.data(), n, kk, packed.data() + 1));
        expect_ok(k.gemm(a.data(), b.data(), out, m, n, kk)), out += m * n;
        expect_ok(k.gemm_transposed_b(a.data(), bt.data(), out, m, n, kk)), out += m * n;
        expect_ok(k.gemm_mixed(a.data(), of_f32.data(), out, m, n, kk)), out += m * n;
        expect_ok(k.gemm_mixed(a.data(), of_f16.data(), out, m, n, kk)), out += m * n;
        expect_ok(k.gemm_mixed(a.data(), of_bf16.data(), out, m, n, kk)), out += m * n;
        expect_ok(k.gemm_bias_act(a.data(), b.data(), bias.data(), out, m, n, kk, Activation::gelu)), out += m * n;
        expect_ok(k.gemm_prepacked(a.data(), packed.data() + 1, out, m, n, kk)), out += m * n;
        expect_ok(k.gemm_bias_act_prepacked(a.data(), packed.data() + 1, bias.data(), out, m, n, kk, Activation::silu)), out += m * n;
        k.gemv(bt.data(), a.data(), out, n, kk), out += n;
        k.rms_norm_rows(a.data(), bias.data(), out, m, kk, 1e-5f), out += m * kk;
        k.layer_norm_rows(a.data(), bias.data(), bias.data(), out, m, kk, 1e-5f);
    }
};

TEST_CASE_TEMPLATE("threads change no bit", E, ELEMENTS) {
    ThreadPool two(2), three(3);
    struct Way { const char* name; Parallel parallel; };
    const Way ways[] = {
        { "pool of 2", two.parallel() }, { "pool of 3", three.parallel() },
        { "1, backwards", parallel_of(1, run_backwards) }, { "2, backwards", parallel_of(2, run_backwards) },
        { "3, backwards", parallel_of(3, run_backwards) }, { "7, backwards", parallel_of(7, run_backwards) },
        { "3 threads", parallel_of(3, run_at_once) }, { "100, backwards", parallel_of(100, run_backwards) },
    };
    const std::vector<Sizes> shapes = small() ? std::vector<Sizes>{ { 1, 70, 100 }, { 20, 33, 40 } }
        : std::vector<Sizes>{ { 1, 1000, 300 }, { 1, 3, 5 }, { 3, 130, 700 }, { 65, 97, 129 }, { 200, 40, 64 }, { 150, 210, 300 } };
    for (const Sizes& s : shapes) {
        const Work<E> work(s[0], s[1], s[2]);
        for_each_isa<E>([&](const CpuKernels<E>& plain, const char* isa) {
            if (plain.isa() == gllm::Isa::scalar && s[0] * s[1] * s[2] > 2000000) return;
            std::vector<E> want(work.size());
            work.run(plain, want.data());
            for (const Way& way : ways) {
                TEST_INFO("everything that splits", isa, E, shape(s[0], s[1], s[2]) << ", " << text(way.name));
                CpuKernels<E> k = plain;
                k.parallel = way.parallel;
                Fenced<E> got(work.size(), 1);
                work.run(k, got.data());
                const std::string wrong = differ(got.data(), want.data(), work.size()) + got.broken();
                CHECK_MESSAGE(wrong.empty(), wrong);
                CHECK(allocations() == 0);
                CHECK(overruns() == 0);

                std::vector<uint8_t> scratch(k.gemm_workspace_bytes(work.m, work.n, work.kk) + 3);
                k.workspace.data  = scratch.data() + 3;
                k.workspace.bytes = scratch.size() - 3;
                Fenced<E>  again(work.size());
                const long before = allocations_ever();
                work.run(k, again.data());
                CHECK(allocations_ever() == before);
                const std::string moved = differ(again.data(), want.data(), work.size());
                CHECK_MESSAGE(moved.empty(), "with a workspace: " << moved);
            }
        });
    }
}

TEST_CASE("large products are split, as wide as asked") {
    const size_t n = 512, k = small() ? 256 : 1024;
    const std::vector<float> w(n * k, 0.5f), x(8 * k, 1.0f);
    std::vector<float> y(8 * n);
    for_each_isa<float>([&](const CpuKernels<float>& plain, const char* isa) {
        TEST_INFO("splitting", isa, float, shape(8, n, k));
        for (bool matrix : { false, true }) {
            unsigned most = 0;
            CpuKernels<float> kernels = plain;
            kernels.parallel = parallel_of(3, run_counting, &most);
            if (matrix) expect_ok(kernels.gemm_transposed_b(x.data(), w.data(), y.data(), 8, n, k));
            else kernels.gemv(w.data(), x.data(), y.data(), n, k);
            CHECK(most >= 2);
        }
        unsigned most = 0;
        CpuKernels<float> kernels = plain;
        kernels.parallel = parallel_of(1, run_counting, &most);
        kernels.gemv(w.data(), x.data(), y.data(), n, k);
        CHECK(most <= 1);                                       // a width of one is the calling thread
    });
}

TEST_CASE("a const CpuKernels serves several threads at once") {
    const Work<float> work(13, 65, 130);
    const CpuKernels<float> k;
    std::vector<float> want(work.size());
    work.run(k, want.data());
    std::atomic<int> wrong{ 0 };
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&] {
            std::vector<float> got(work.size());
            for (int i = 0; i < (small() ? 3 : 20); i++) {
                bool ok = bool(k.gemm(work.a.data(), work.b.data(), got.data(), work.m, work.n, work.kk));
                ok = ok && std::memcmp(got.data(), want.data(), work.m * work.n * sizeof(float)) == 0;
                wrong += !ok;
            }
        });
    for (std::thread& t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(allocations() == 0);
}

// ---- the pool ---------------------------------------------------------------

struct Marks {
    std::vector<std::atomic<int>> seen;
    explicit Marks(size_t n) : seen(n) {}
    static void mark(void* arg, unsigned i) { static_cast<Marks*>(arg)->seen[i]++; }
    bool each_once(size_t n) const {
        for (size_t i = 0; i < seen.size(); i++) if (seen[i] != (i < n)) return false;
        return true;
    }
};

TEST_CASE("a pool runs every task once, call after call") {
    for (unsigned width : { 1u, 2u, 3u, 5u }) {
        ThreadPool pool(width);
        const Parallel p = pool.parallel();
        CHECK(p.width >= 1);
        CHECK(p.width <= width);
        REQUIRE((p.run || p.width == 1));
        if (!p.run) continue;
        for (unsigned tasks : { 0u, 1u, 2u, 3u, 7u, 100u })
            for (int repeat = 0; repeat < (small() ? 5 : 200); repeat++) {
                Marks marks(101);
                p.run(p.pool, tasks, Marks::mark, &marks);
                if (!marks.each_once(tasks)) FAIL_CHECK("width " << width << ", " << tasks << " tasks: not each once");
            }
    }
}

/// Each task of the outer call makes one of its own.
struct Nested {
    Parallel p;
    std::vector<Marks> inner;
    static void task(void* arg, unsigned i) {
        Nested& n = *static_cast<Nested*>(arg);
        n.p.run(n.p.pool, 7, Marks::mark, &n.inner[i]);
    }
};

TEST_CASE("calls of a pool that works for another are run by who makes them") {
    for (unsigned width : { 2u, 3u }) {
        ThreadPool pool(width);
        const Parallel p = pool.parallel();
        if (!p.run) continue;
        for (int repeat = 0; repeat < (small() ? 5 : 100); repeat++) {
            Nested nested = { p, {} };
            for (int i = 0; i < 5; i++) nested.inner.emplace_back(8);
            p.run(p.pool, 5, Nested::task, &nested);
            for (const Marks& marks : nested.inner) CHECK(marks.each_once(7));
        }
        std::atomic<int> wrong{ 0 };
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; t++)
            threads.emplace_back([&] {
                for (int repeat = 0; repeat < (small() ? 50 : 2000); repeat++) {
                    Marks marks(5);
                    p.run(p.pool, 4, Marks::mark, &marks);
                    wrong += !marks.each_once(4);
                }
            });
        for (std::thread& t : threads) t.join();
        CHECK(wrong == 0);
    }
}

TEST_CASE("pools come and go, used or not") {
    for (int i = 0; i < (small() ? 5 : 50); i++) {
        ThreadPool idle(3);
        ThreadPool pool(1 + unsigned(i) % 4);
        const Parallel p = pool.parallel();
        Marks marks(9);
        if (p.run) p.run(p.pool, 9, Marks::mark, &marks);
        CHECK((!p.run || marks.each_once(9)));
    }
    ThreadPool none(0);                                         // the caller is always there
    CHECK(none.parallel().width == 1);
}
