// Model, DeviceTensor and the examples' reader of model files: logits, likelihood and greedy tokens of nine architectures against
// references in double on every instruction set; the same bits whatever the threads, the same but for rounding however a text is cut
// or mixed with others; weights, settings and files that are wrong, each refused by name; memory of a device that must not be touched.
// SPDX-License-Identifier: MIT
//
// Environment: GLLM_KERNELS_MODELS=dir   all NAME.gguf with a NAME.ref.txt of this directory, not those of tests/data/models
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#define GLLM_KERNELS_MODEL
#define GLLM_KERNELS_COMPILER
#ifndef GLLM_KERNELS_THREADS
#define GLLM_KERNELS_THREADS
#endif
#include "harness.hpp"
#include "../examples/model.hpp"

#include <filesystem>
#include <fstream>
#include <map>

namespace {

using gllm::CacheType;
using gllm::Code;
using gllm::Status;
using Ids = std::vector<int32_t>;
using Floats = std::vector<float>;

#define OK(call) do { const Status status_ = (call); REQUIRE_MESSAGE(status_, test::text(status_.what)); } while (0)

// ---- models and their references --------------------------------------------------

struct Reference {
    size_t context = 0;                                             // 0: any
    Floats logits;
    std::vector<std::pair<size_t, double>> best;
    double nll = 0;
    Ids greedy;
};
struct Files {
    std::string name, path;
    Ids tokens;
    std::vector<Reference> runs;
};

Files read_reference(const std::filesystem::path& gguf) {
    Files f;
    f.name = gguf.stem().string();
    f.path = gguf.string();
    std::ifstream in(std::filesystem::path(gguf).replace_extension("ref.txt"));
    for (std::string line, word; std::getline(in, line);) {
        std::istringstream s(line);
        s >> word;
        if (word == "n_ctx") f.runs.emplace_back(), s >> f.runs.back().context;
        if (word == "tokens") for (int32_t t; s >> t;) f.tokens.push_back(t);
        if (f.runs.empty()) continue;
        Reference& r = f.runs.back();
        if (word == "logits") for (float v; s >> v;) r.logits.push_back(v);
        if (word == "best") { size_t id; char colon; double v; while (s >> id >> colon >> v) r.best.push_back({id, v}); }
        if (word == "nll") s >> r.nll;
        if (word == "greedy") for (int32_t t; s >> t;) r.greedy.push_back(t);
    }
    REQUIRE_MESSAGE((!f.tokens.empty() && !f.runs.empty()), f.path << " has no reference");
    return f;
}

const std::vector<Files>& all_models() {
    static const std::vector<Files> all = [] {
        const char* const dir = std::getenv("GLLM_KERNELS_MODELS");
        std::vector<Files> found;
        for (const auto& entry : std::filesystem::directory_iterator(dir ? dir : "tests/data/models")) {
            const bool referred = std::filesystem::exists(std::filesystem::path(entry.path()).replace_extension("ref.txt"));
            if (entry.path().extension() == ".gguf" && referred) found.push_back(read_reference(entry.path()));
        }
        std::sort(found.begin(), found.end(), [](const Files& a, const Files& b) { return a.name < b.name; });
        return found;
    }();
    REQUIRE(!all.empty());
    return all;
}
const Files& one(const std::string& name) {
    for (const Files& f : all_models())
        if (f.name == name) return f;
    return all_models().front();
}

gllm::ModelOptions options(size_t batch = 128, gllm::Isa isa = gllm::best_isa(), gllm::Parallel parallel = {}) {
    gllm::ModelOptions o;
    o.batch = batch;
    o.isa = isa;
    o.parallel = parallel;
    return o;
}

/// A file, and what its weights are.
struct Opened {
    gguf::File file;
    model::Source source;
    explicit Opened(const Files& f, size_t context = 0) {
        REQUIRE(file.open(f.path.c_str()) == "");
        const std::string error = source.load(file, context);
        REQUIRE_MESSAGE(error.empty(), f.name << ": " << error);
    }
    size_t vocabulary() const { return source.config.vocabulary; }
};
void open(model::Session& session, const Opened& m, const gllm::ModelOptions& o, CacheType type = CacheType::f32) {
    const std::string error = session.open(m.source, o, type, 200);
    REQUIRE_MESSAGE(error.empty(), error);
}
int32_t best(const Floats& logits) { return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()); }

/// The logits after every token, from batches of these sizes in turn.
Floats logits_of(model::Session& session, const Ids& tokens, const std::vector<size_t>& cuts) {
    Floats all(tokens.size() * session.vocabulary());
    session.reset();
    for (size_t at = 0, turn = 0; at < tokens.size(); turn++) {
        const size_t n = std::min(cuts[turn % cuts.size()], tokens.size() - at);
        OK(session.eval(&tokens[at], n, &all[at * session.vocabulary()], n));
        at += n;
    }
    return all;
}
/// The largest difference, in units of their spread.
double apart(const float* a, const float* b, size_t n) {
    double worst = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        if (!(d <= worst)) worst = d;                               // NaN as well
        squares += static_cast<double>(b[i]) * static_cast<double>(b[i]) / static_cast<double>(n);
    }
    return worst / std::sqrt(squares);
}
double apart(const Floats& a, const Floats& b) { return apart(a.data(), b.data(), a.size()); }
/// What other orders of summation may do; it grows with the layers.
double rounding(const Opened& m) { return m.source.config.layers > 40 ? 2e-3 : 1e-4; }
bool same(const Floats& a, const Floats& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

} // namespace

TEST_CASE("logits, likelihood and greedy tokens of the reference") {
    for (const Files& f : all_models())
        for (const Reference& r : f.runs)
            for (int way = -1; way < static_cast<int>(std::size(gllm::all_isas)); way++) {
                const bool      pack = way < 0;                                     // few rows at a time by packed weights
                const gllm::Isa isa = pack ? gllm::best_isa() : gllm::all_isas[way];
                if (!test::present(isa)) continue;
                INFO(f.name << ", context " << r.context << ", " << test::text(gllm::isa_name(isa)) << (pack ? ", packed" : ""));
                const Opened m(f, r.context);
                model::Session session;
                gllm::ModelOptions o = options(pack ? 16 : 128, isa);
                o.pack = pack;
                open(session, m, o);
                double nats = 0;
                OK(model::likelihood(session, f.tokens, nats));
                CHECK(std::fabs(nats / static_cast<double>(f.tokens.size() - 1) - r.nll) < 0.0005);
                Floats logits(m.vocabulary());
                OK(session.eval(&f.tokens.back(), 1, logits.data(), 1));
                double worst = 0;
                for (size_t i = 0; i < r.logits.size(); i++)
                    worst = std::max(worst, std::fabs(static_cast<double>(logits[i]) - static_cast<double>(r.logits[i])));
                CHECK(r.logits.size() == 32);
                CHECK(worst < 0.002);
                for (size_t i = 0; i < r.best.size(); i++) {
                    const size_t id = r.best[i].first;
                    CHECK(std::fabs(static_cast<double>(logits[id]) - r.best[i].second) < 0.002);
                    const auto above = std::count_if(logits.begin(), logits.end(), [&](float v) { return v > logits[id]; });
                    CHECK(static_cast<size_t>(above) == i);
                }
                Ids greedy;
                for (size_t i = 0; i < (test::small() ? 4 : r.greedy.size()); i++) {
                    greedy.push_back(best(logits));
                    OK(session.eval(&greedy.back(), 1, logits.data(), 1));
                }
                CHECK(greedy == Ids(r.greedy.begin(), r.greedy.begin() + static_cast<std::ptrdiff_t>(greedy.size())));
            }
}

TEST_CASE("threads change no bit, cuts only the rounding") {
    gllm::ThreadPool pool(3);
    for (const Files& f : all_models())
        for (gllm::Isa isa : {gllm::Isa::scalar, gllm::best_isa()}) {
            if (test::small() && isa != gllm::best_isa()) continue;
            INFO(f.name << ", " << test::text(gllm::isa_name(isa)));
            const Opened m(f);
            Ids text = f.tokens;                                                    // 136, as short a context as there is
            text.insert(text.end(), f.tokens.end() - 40, f.tokens.end());
            Floats first;
            for (size_t batch : {size_t(136), size_t(68), size_t(40), size_t(7), size_t(1)}) {
                INFO("batches of " << batch);
                if (test::small() && batch == 1) continue;
                model::Session alone, shared;
                open(alone, m, options(batch, isa));
                open(shared, m, options(batch, isa, pool.parallel()));
                const Floats want = logits_of(alone, text, {1000});
                CHECK(same(logits_of(shared, text, {1000}), want));
                std::vector<size_t> cuts;                                           // batches cut here, or there
                const size_t n = text.size(), parts = (n + batch - 1) / batch;
                for (size_t i = 0; i < parts; i++) cuts.push_back(n / parts + (i < n % parts));
                CHECK(same(logits_of(alone, text, cuts), want));
                if (first.empty()) first = want;
                if (batch >= 68) CHECK(same(want, first));
                CHECK(apart(want, first) < rounding(m));
                if (batch == 136) CHECK(apart(logits_of(alone, text, {1, 3, 20, 2, 33}), want) < rounding(m));
            }
        }
}

// ---- layers as graphs -----------------------------------------------------------------

namespace {
gllm::DeviceProfile profile_of(gllm::Isa isa) {
    gllm::DeviceProfile p = gllm::DeviceProfile::host();
    p.isa = isa;
    return p;
}
void compile(model::Session& session, gllm::Isa isa) {
    const std::string error = session.compile(profile_of(isa));
    REQUIRE_MESSAGE(error.empty(), error);
}
} // namespace

TEST_CASE("compiled layers give the bits of the calls") {
    gllm::ThreadPool pool(3);
    for (const Files& f : all_models())
        for (gllm::Isa isa : gllm::all_isas) {
            if (!test::present(isa) || (test::small() && isa != gllm::best_isa())) continue;
            INFO(f.name << ", " << test::text(gllm::isa_name(isa)));
            const Opened m(f);
            for (size_t batch : {size_t(128), size_t(7), size_t(1)})
                for (gllm::Precision precision : {gllm::Precision::exact, gllm::Precision::fast}) {
                    if (precision == gllm::Precision::fast && batch == 7) continue;
                    gllm::ModelOptions o = options(batch, isa);
                    o.precision = precision;
                    const CacheType type = batch == 7 ? CacheType::f16 : CacheType::f32;
                    model::Session calls, alone, shared;
                    open(calls, m, o, type);
                    open(alone, m, o, type);
                    o.parallel = pool.parallel();
                    open(shared, m, o, type);
                    compile(alone, isa);
                    compile(shared, isa);
                    const std::vector<size_t> cuts = batch == 128 ? std::vector<size_t>{1, 3, 40, 2, 33} : std::vector<size_t>{1000};
                    const Floats want = logits_of(calls, f.tokens, cuts);
                    CHECK(same(logits_of(alone, f.tokens, cuts), want));
                    CHECK(same(logits_of(shared, f.tokens, cuts), want));
                    shared.truncate(f.tokens.size() / 2);               // and from where the text was before
                    calls.truncate(f.tokens.size() / 2);
                    Floats a(m.vocabulary()), b(m.vocabulary());
                    OK(shared.eval(&f.tokens[1], 5, a.data(), 1));
                    OK(calls.eval(&f.tokens[1], 5, b.data(), 1));
                    CHECK(same(a, b));
                }
        }
}

TEST_CASE("sequences in one batch of compiled layers") {
    for (const Files& f : all_models()) {
        INFO(f.name << ", seed " << test::seed());
        const Opened m(f);
        const size_t V = m.vocabulary();
        test::Rng rng(f.tokens.size());
        gllm::Model calls, compiled;
        gllm::KvCache one, other;
        const gllm::ModelConfig& c = m.source.config;
        OK(calls.init(c, m.source.weights, options(16)));
        OK(gllm::compile_model(c, m.source.weights, profile_of(gllm::best_isa()), compiled, options(16)));
        CHECK(compiled.compiled_layer(c.layers - 1) != nullptr);
        CHECK(compiled.compiled_layer(c.layers) == nullptr);
        CHECK(calls.compiled_layer(0) == nullptr);
        OK(one.init(calls.cache_config(128, CacheType::f32, 4)));
        OK(other.init(calls.cache_config(128, CacheType::f32, 4)));
        for (size_t turn = 0; turn < 8; turn++) {
            std::vector<gllm::BatchToken> batch;
            for (size_t i = 1 + rng.below(30); i--;)
                batch.push_back({f.tokens[rng.below(f.tokens.size())], static_cast<uint32_t>(rng.below(4)), rng.below(3) > 0});
            batch.back().logits = true;
            Floats a(batch.size() * V), b(batch.size() * V);
            OK(calls.decode(one, {batch.data(), batch.size()}, a.data()));
            OK(compiled.decode(other, {batch.data(), batch.size()}, b.data()));
            CHECK(same(a, b));
            const size_t from = rng.below(4), to = rng.below(4), length = rng.below(one.length(from) + 1);
            if (from == to) continue;
            for (gllm::KvCache* cache : {&one, &other}) {
                OK(cache->reset_seq(to));
                OK(cache->fork(from, to, length));
            }
        }
        for (size_t seq = 0; seq < 4; seq++) CHECK(one.length(seq) == other.length(seq));
    }
}

TEST_CASE("what compiled layers need, and what becomes of them without") {
    const Files& f = all_models().front();
    const Opened m(f);
    const gllm::ModelConfig& c = m.source.config;
    const gllm::DeviceProfile profile = profile_of(gllm::best_isa());
    Floats want(m.vocabulary()), got(m.vocabulary());
    const auto decode = [&](gllm::Model& model, gllm::KvCache& cache, size_t n, float* logits) {
        std::vector<gllm::BatchToken> batch;
        for (size_t i = 0; i < n; i++) batch.push_back({f.tokens[i], 0, i + 1 == n});
        return model.decode(cache, {batch.data(), n}, logits);
    };
    gllm::Model model;
    CHECK(model.compile(profile).code == Code::invalid_argument);
    OK(gllm::compile_model(c, m.source.weights, profile, model, options(32)));
    gllm::KvCache cache, little;
    OK(cache.init(model.cache_config(128, CacheType::f32)));
    OK(decode(model, cache, 9, want.data()));
    OK(decode(model, cache, 1, got.data()));
    const long before = test::allocations_ever();                       // a token after a token allocates nothing
    for (size_t i = 0; i < 20; i++) OK(decode(model, cache, 1, got.data()));
    CHECK(test::allocations_ever() == before);

    OK(little.init(model.cache_config(16, CacheType::f32)));            // an append fails: the sequence is as it was
    OK(decode(model, little, 9, got.data()));
    CHECK(same(got, want));
    CHECK(decode(model, little, 9, got.data()).code == Code::out_of_memory);
    CHECK(model.error().requested > 0);
    for (size_t i = 0; i < c.layers; i++) CHECK(little.view(0, i).length == 9);

    gllm::DeviceProfile other = profile;
    other.isa = gllm::Isa::scalar;
    CHECK(model.compile(other).code == (profile.isa == other.isa ? Code::ok : Code::invalid_argument));
    CHECK((model.compiled_layer(0) == nullptr) == (profile.isa != other.isa));
    OK(little.reset_seq(0));
    OK(decode(model, little, 9, got.data()));                           // by calls again
    CHECK(same(got, want));
    gllm::ModelOptions watched = options(32);
    watched.watch = [](void*, const void*, const float*, size_t, size_t) {};
    gllm::Model told;
    CHECK(gllm::compile_model(c, m.source.weights, profile, told, watched).code == Code::unsupported);
    CHECK(told.error().status.code == Code::unsupported);

    const long alive = test::allocations();
    for (long n = 0, done = 0; !done; n++) {                            // memory that ends, at every allocation
        REQUIRE(n < 20000);
        gllm::Model fresh;
        OK(fresh.init(c, m.source.weights, options(32)));
        test::fail_allocations_after(n);
        const Status s = fresh.compile(profile);
        test::fail_allocations(false);
        if (!s) CHECK(s.code == Code::out_of_memory);
        CHECK((fresh.compiled_layer(0) == nullptr) == !s);
        done = s.code == Code::ok;
        if (n % 97 && !done) continue;
        OK(little.reset_seq(0));
        OK(decode(fresh, little, 9, got.data()));
        CHECK(same(got, want));
    }
    CHECK(test::allocations() == alive);
}

// ---- packed weights ---------------------------------------------------------------------

namespace {
gllm::ModelOptions packing(gllm::ModelOptions o) {
    o.pack = true;
    return o;
}
/// The same numbers in another type.
void become(gllm::DeviceTensor& t, gllm::DType dtype, gllm::QuantType quant) {
    Floats x(t.elements);
    gllm::DeviceTensor other;
    OK(t.download_f32(x.data(), x.size()));
    OK(other.allocate(t.rows, t.cols, dtype, quant));
    OK(other.upload_f32(x.data(), x.size()));
    t = std::move(other);
}
/// What a model should say that it took for these weights: a whole number of lines each.
size_t packed_bytes(const gllm::ModelConfig& c, const gllm::ModelWeights& w) {
    const gllm::CpuKernels<float> k;
    size_t sum = 0;
    const auto add = [&](const gllm::DeviceTensor& t) {
        if (t && t.dtype == gllm::DType::blocks) sum += (k.packed_weights_bytes(t.quant, t.rows, t.cols) + 63) / 64 * 64;
    };
    add(w.lm_head ? w.lm_head : w.embedding);
    for (size_t i = 0; i < c.layers; i++) {
        const gllm::LayerWeights& l = w.layers[i];
        for (const gllm::DeviceTensor* t : {&l.q, &l.k, &l.v, &l.out, &l.gate, &l.up, &l.down}) add(*t);
    }
    return sum;
}
} // namespace

/// Files whose formats have a packed form in part; and one of 256 columns, whose products that share an input are of formats with a
/// form, of others, and of none, in different orders.
TEST_CASE("packed weights: formats of all kinds in one model, threads, cuts, compiled layers") {
    using gllm::DType;
    using gllm::QuantType;
    gllm::ThreadPool pool(3);
    std::vector<Files> all = all_models();
    Files book;
    book.name = "kjv-mixed";
    book.path = "examples/model/kjv-mixed.gguf";
    for (int32_t i = 0; i < 100; i++) book.tokens.push_back(3 + i * i % 256);
    for (int i = 0; i < 3; i++) all.push_back(book);
    const bool has_form = gllm::CpuKernels<float>().packed_weights_bytes(QuantType::Q8_0, 16, 256) != 0;
    for (size_t number = 0; number < all.size(); number++) {
        const Files& f = all[number];
        INFO(f.name << " " << number);
        const Opened m(f);
        const size_t mix = number < all_models().size() ? 0 : number - all_models().size();
        for (size_t i = 0; mix && i < m.source.config.layers; i++) {
            gllm::LayerWeights& l = m.source.weights.layers[i];
            become(mix == 1 ? l.q : l.k, DType::blocks, QuantType::Q5_K);
            become(mix == 1 ? l.gate : l.v, DType::f16, QuantType::Q8_0);
            become(mix == 1 ? l.v : l.up, DType::blocks, i % 2 ? QuantType::Q8_0 : QuantType::Q4_0);
        }
        const gllm::ModelConfig&  c = m.source.config;
        const gllm::ModelWeights& w = m.source.weights;
        for (gllm::Precision precision : {gllm::Precision::exact, gllm::Precision::fast}) {
            gllm::ModelOptions o = options(128);
            o.precision = precision;
            model::Session plain, alone, shared, compiled;
            open(plain, m, o);
            open(alone, m, packing(o));
            CHECK(plain.packed_bytes() == 0);
            CHECK(alone.packed_bytes() == packed_bytes(c, w));
            o.parallel = pool.parallel();
            open(shared, m, packing(o));
            open(compiled, m, packing(o));
            compile(compiled, gllm::best_isa());
            Floats few;
            for (const std::vector<size_t>& cuts : {std::vector<size_t>{1, 16, 3, 17, 2, 33}, std::vector<size_t>{1}, std::vector<size_t>{1000}}) {
                const Floats want = logits_of(plain, f.tokens, cuts), got = logits_of(alone, f.tokens, cuts);
                CHECK(same(logits_of(shared, f.tokens, cuts), got));
                CHECK(same(logits_of(compiled, f.tokens, cuts), got));
                if (cuts[0] == 1000) CHECK(same(got, want));            // many rows
                if (precision == gllm::Precision::exact) CHECK(apart(got, want) < rounding(m));
                if (has_form && alone.packed_bytes() && cuts.size() == 1 && cuts[0] == 1) CHECK(!same(got, want));
            }
        }
    }
}

TEST_CASE("packed weights: memory that ends, and a token that takes none") {
    Files f;
    f.path = "examples/model/kjv-mixed.gguf";
    const Opened m(f);
    const gllm::ModelConfig& c = m.source.config;
    const size_t bytes = packed_bytes(c, m.source.weights);
    const long alive = test::allocations();
    long n = 0;
    for (Status s = {Code::out_of_memory, ""}; !s; n++) {
        gllm::Model model;
        test::fail_allocations_after(n);
        s = model.init(c, m.source.weights, packing(options(8)));
        test::fail_allocations(false);
        if (s) {
            CHECK(model.packed_bytes() == bytes);
            break;
        }
        CHECK(s.code == Code::out_of_memory);
        CHECK(model.error().requested > 0);
        CHECK(model.packed_bytes() == 0);
        if (n == 2) CHECK(test::text(s.what) == "no memory for packed weights");
        if (n == 2) CHECK(model.error().requested == bytes);
    }
    CHECK(n == (bytes ? 3 : 2));
    CHECK(test::allocations() == alive);

    model::Session session;
    open(session, m, packing(options(8)));
    Floats logits(m.vocabulary());
    const int32_t token = 70;
    OK(session.eval(&token, 1, logits.data(), 1));
    const long before = test::allocations_ever();
    for (size_t i = 0; i < 40; i++) OK(session.eval(&token, 1, logits.data(), 1));
    CHECK(test::allocations_ever() == before);
}

TEST_CASE("caches of fewer bits") {
    for (const Files& f : all_models()) {
        INFO(f.name);
        const Opened m(f);
        model::Session exact;
        open(exact, m, options());
        const Floats want = logits_of(exact, f.tokens, {1000});
        double spread = 0;
        for (float v : want) spread += static_cast<double>(v) * static_cast<double>(v) / static_cast<double>(want.size());
        const struct { CacheType type; double limit; } cases[] = {
            {CacheType::f16, 0.003}, {CacheType::bf16, 0.02}, {CacheType::Q8_0, 0.05}};
        for (const auto& c : cases) {
            model::Session session;
            const std::string error = session.open(m.source, options(), c.type, 200);
            if (c.type == CacheType::Q8_0 && m.source.config.head_dim % 32) {
                CHECK(error.find("of 32 for Q8_0") != std::string::npos);
                continue;
            }
            REQUIRE_MESSAGE(error.empty(), error);
            const Floats got = logits_of(session, f.tokens, {1000});
            const auto rms = [&](const Floats& x, const Floats& y) {
                double squares = 0;
                for (size_t i = 0; i < x.size(); i++)
                    squares += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2) / static_cast<double>(x.size());
                return std::sqrt(squares / spread);
            };
            INFO("cache type " << static_cast<int>(c.type) << ": " << rms(got, want));
            const double limit = m.source.config.layers > 40 ? 4 * c.limit : c.limit;
            CHECK(rms(got, want) < limit);
            CHECK(rms(got, want) > 0);                              // it did matter
            CHECK(rms(logits_of(session, f.tokens, {5, 1, 30}), got) < limit);
        }
    }
}

TEST_CASE("watch is told of the inputs of each product") {
    struct Told { std::vector<const void*> weights; std::vector<size_t> m, k; Floats last; };
    const Files& f = all_models().front();
    const Opened m(f);
    Told told;
    gllm::ModelOptions o = options();
    o.user  = &told;
    o.watch = [](void* user, const void* weights, const float* x, size_t rows, size_t k) {
        Told& t = *static_cast<Told*>(user);
        t.weights.push_back(weights);
        t.m.push_back(rows);
        t.k.push_back(k);
        t.last.assign(x, x + rows * k);
    };
    model::Session session;
    open(session, m, o);
    Floats logits(2 * m.vocabulary()), again(2 * m.vocabulary());
    OK(session.eval(f.tokens.data(), 5, logits.data(), 2));
    const gllm::ModelWeights& w = m.source.weights;
    size_t at = 0;
    const auto next = [&](const gllm::DeviceTensor& t, size_t rows) {
        REQUIRE(at < told.weights.size());
        CHECK(told.weights[at] == t.data);
        CHECK(told.m[at] == rows);
        CHECK(told.k[at++] == t.cols);
    };
    for (size_t i = 0; i < m.source.config.layers; i++) {
        const gllm::LayerWeights& l = w.layers[i];
        const gllm::DeviceTensor* const all[] = {&l.q, &l.k, &l.v, &l.out, &l.up, &l.gate, &l.down};
        for (const gllm::DeviceTensor* t : all)
            if (*t) next(*t, 5);
    }
    const gllm::DeviceTensor& head = w.lm_head ? w.lm_head : w.embedding;
    next(head, 2);
    CHECK(at == told.weights.size());
    for (size_t i = 0; i < 2; i++)                              // what it was told is what the logits come from
        for (size_t v = 0; v < m.vocabulary(); v += 97) {
            Floats row(head.cols);
            gllm::DeviceTensor one;
            const size_t bytes = head.bytes / head.rows;
            OK(one.view(static_cast<const uint8_t*>(head.data) + v * bytes, 1, head.cols, head.dtype, head.quant));
            OK(one.download_f32(row.data(), row.size()));
            double sum = 0, all = 0;
            for (size_t j = 0; j < head.cols; j++) {
                const double term = static_cast<double>(told.last[i * head.cols + j]) * static_cast<double>(row[j]);
                sum += term;
                all += std::fabs(term);
            }
            const double cap = static_cast<double>(m.source.config.final_softcap), want = cap > 0 ? cap * std::tanh(sum / cap) : sum;
            CHECK(std::fabs(static_cast<double>(logits[i * m.vocabulary() + v]) - want) < 1e-4 * (1 + all));
        }
}

// ---- several sequences --------------------------------------------------------------

TEST_CASE("sequences in one batch are as they are alone") {
    gllm::ThreadPool pool(2);
    for (const Files& f : all_models()) {
        INFO(f.name);
        const Opened m(f);
        const size_t V = m.vocabulary();
        test::Rng rng(f.tokens.size());
        std::vector<Ids> texts;                                     // the last is a fork of the first
        for (size_t seq = 0; seq < 3; seq++) {
            const size_t from = 5 * seq, n = 20 + rng.below(f.tokens.size() - 40);
            const auto begin = f.tokens.begin() + static_cast<std::ptrdiff_t>(from);
            texts.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(n));
        }
        const size_t prefix = 19;
        std::copy(texts[0].begin(), texts[0].begin() + prefix, texts[2].begin());

        gllm::Model model;
        gllm::KvCache cache;
        OK(model.init(m.source.config, m.source.weights, options(16, gllm::best_isa(), pool.parallel())));
        OK(cache.init(model.cache_config(128, CacheType::f32, 3)));
        std::vector<Floats> got(3);
        size_t read[3] = {};
        const auto decode = [&](const std::vector<gllm::BatchToken>& batch) {
            Floats logits;
            for (const gllm::BatchToken& t : batch) logits.resize(logits.size() + t.logits * V);
            OK(model.decode(cache, {batch.data(), batch.size()}, logits.data()));
            const float* at = logits.data();
            for (const gllm::BatchToken& t : batch) {
                if (t.logits) got[t.seq].insert(got[t.seq].end(), at, at + V), at += V;
                else got[t.seq].insert(got[t.seq].end(), V, 0.0f);
            }
        };
        std::vector<gllm::BatchToken> batch;
        for (; read[0] < prefix; read[0]++) batch.push_back({texts[0][read[0]], 0, true});
        decode(batch);
        OK(cache.fork(0, 2, prefix));
        got[2] = got[0];
        read[2] = prefix;
        while (read[0] < texts[0].size() || read[1] < texts[1].size() || read[2] < texts[2].size()) {
            batch.clear();
            const size_t count = 1 + rng.below(30);
            for (size_t i = 0; i < count; i++) {
                const uint32_t seq = static_cast<uint32_t>(rng.below(3));
                for (size_t run = 1 + rng.below(3); run > 0 && read[seq] < texts[seq].size(); run--)
                    batch.push_back({texts[seq][read[seq]++], seq, rng.below(4) != 0});
            }
            decode(batch);
        }
        model::Session alone;
        open(alone, m, options());
        for (size_t seq = 0; seq < 3; seq++) {
            CHECK(cache.length(seq) == texts[seq].size());
            const Floats want = logits_of(alone, texts[seq], {1000});
            size_t wrong = 0, asked = 0;
            for (size_t i = 0; i < texts[seq].size(); i++) {
                const float* row = &got[seq][i * V];
                if (std::all_of(row, row + V, [](float v) { return !(v < 0 || v > 0); })) continue;        // not asked for
                asked++;
                wrong += !(apart(row, &want[i * V], V) < rounding(m));
            }
            CHECK(asked >= 10);
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("decode refuses, and leaves every sequence as it was") {
    const Files& f = one("llama-bias");
    const Opened m(f);
    gllm::ModelConfig config = m.source.config;
    config.context = 24;
    const size_t V = config.vocabulary;
    gllm::Model model;
    gllm::KvCache cache, other;
    CHECK(model.decode(cache, {}, nullptr).code == Code::invalid_argument);
    OK(model.init(config, m.source.weights, options(8)));
    CHECK(model.decode(cache, {}, nullptr).code == Code::invalid_argument);         // a cache that holds nothing
    gllm::KvCacheConfig shape = model.cache_config(48, CacheType::f32, 2);
    shape.pages /= 2;                                               // three of each layer
    OK(cache.init(shape));
    Floats logits(100 * V);
    std::vector<gllm::BatchToken> batch;
    for (size_t i = 0; i < 20; i++) batch.push_back({f.tokens[i], static_cast<uint32_t>(i % 2), false});
    OK(model.decode(cache, {batch.data(), 20}, nullptr));
    const auto refused = [&](Code code, const char* what) {
        const Status s = model.decode(cache, {batch.data(), batch.size()}, logits.data());
        CHECK(s.code == code);
        CHECK_MESSAGE(std::string(s.what).find(what) != std::string::npos, test::text(s.what));
        CHECK(test::text(model.error().status.what) == s.what);
        CHECK(cache.length(0) == 10);
        CHECK(cache.length(1) == 10);
    };
    batch.resize(17);
    const gllm::BatchToken good = batch[16];
    for (int32_t id : {-1, static_cast<int32_t>(V), INT32_MAX, INT32_MIN}) {
        batch[16].id = id;
        refused(Code::invalid_argument, "a token must be below the vocabulary's size");
    }
    batch[16] = {good.id, 2, false};
    refused(Code::invalid_argument, "a token's sequence is not of the cache");
    CHECK(model.error().requested == 2);
    batch[16] = good;
    batch[16].logits = true;
    CHECK(model.decode(cache, {batch.data(), 17}, nullptr).code == Code::invalid_argument);
    CHECK(model.decode(cache, {nullptr, 1}, logits.data()).code == Code::invalid_argument);
    batch.clear();
    for (size_t i = 0; i < 20; i++) batch.push_back({f.tokens[i], 0, i == 19});     // the first eight fit
    refused(Code::invalid_argument, "longer than the model's context");
    batch.clear();
    for (size_t i = 0; i < 16; i++) batch.push_back({f.tokens[i], static_cast<uint32_t>(i % 2), true});
    refused(Code::out_of_memory, "free pages");                     // both want the third page
    CHECK(model.error().requested > model.error().available);
    gllm::KvCacheConfig wrong = shape;
    wrong.layers++, wrong.pages = 2 * wrong.layers;
    OK(other.init(wrong));
    CHECK(model.decode(other, {batch.data(), 1}, logits.data()).code == Code::invalid_argument);

    batch.resize(6);                                                // it still goes on as if nothing had been
    OK(model.decode(cache, {batch.data(), 6}, logits.data()));
    gllm::KvCache fresh;
    OK(fresh.init(shape));
    std::vector<gllm::BatchToken> all;
    for (size_t i = 0; i < 20; i++) all.push_back({f.tokens[i], static_cast<uint32_t>(i % 2), false});
    all.insert(all.end(), batch.begin(), batch.end());
    Floats again(6 * V);
    OK(model.decode(fresh, {all.data(), all.size()}, again.data()));
    CHECK(apart(again.data(), logits.data(), again.size()) < rounding(m));
}

// ---- Model::init ----------------------------------------------------------------------

TEST_CASE("init: settings that make no sense") {
    const Opened m(one("llama-yarn"));
    const struct { const char* what; void (*change)(gllm::ModelConfig& c, gllm::ModelOptions& o); } cases[] = {
        {"layers, width", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.layers = 0; }},
        {"layers, width", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.width = 0; }},
        {"layers, width", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.heads = 0; }},
        {"layers, width", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.kv_heads = 0; }},
        {"layers, width", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.hidden = SIZE_MAX; }},
        {"layers, width", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.vocabulary = 0; }},
        {"layers, width", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.context = 0; }},
        {"layers, width", [](gllm::ModelConfig&, gllm::ModelOptions& o) { o.batch = 0; }},
        {"head_dim", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.head_dim = 0; }},
        {"head_dim", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.head_dim = 12; }},
        {"head_dim", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.head_dim = 584; }},
        {"multiple of kv_heads", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.heads = 3; c.kv_heads = 2; }},
        {"at most 65536", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.heads = 65537; c.kv_heads = 1; }},
        {"at most 65536", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.layers = 65537; }},
        {"silu or gelu", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.activation = gllm::Activation::relu; }},
        {"norm", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.norm = static_cast<gllm::NormType>(2); }},
        {"precision", [](gllm::ModelConfig&, gllm::ModelOptions& o) { o.precision = static_cast<gllm::Precision>(2); }},
        {"epsilon", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.epsilon = -1; }},
        {"epsilon", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.epsilon = std::nanf(""); }},
        {"must be finite", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.embedding_scale = HUGE_VALF; }},
        {"must be finite", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.attention_scale = std::nanf(""); }},
        {"caps", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.attention_softcap = -1; }},
        {"caps", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.final_softcap = -1; }},
        {"n_rot", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.n_rot = 34; }},
        {"n_rot", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.n_rot = 7; }},
        {"n_rot", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.local_rope.n_rot = 7; }},
        {"base, factor and magnitude", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.base = 0; }},
        {"base, factor and magnitude", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.factor = std::nan(""); }},
        {"base, factor and magnitude", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.magnitude = HUGE_VAL; }},
        {"original_context", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.original_context = 0; }},
        {"beta_fast", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.beta_fast = 0; }},
        {"rope.base must be above 1", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.base = 1; }},
        {"high_freq_factor", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.scaling = gllm::RopeScaling::llama3;
                                                                                      c.rope.high_freq_factor = 1; }},
        {"both lists", [](gllm::ModelConfig& c, gllm::ModelOptions&) { c.rope.scaling = gllm::RopeScaling::longrope; }},
    };
    for (const auto& c : cases) {
        gllm::ModelConfig config = m.source.config;
        gllm::ModelOptions o;
        c.change(config, o);
        gllm::Model model;
        const Status s = model.init(config, m.source.weights, o);
        CHECK(s.code == Code::invalid_argument);
        CHECK_MESSAGE(std::string(s.what).find(c.what) != std::string::npos, test::text(s.what));
        CHECK(model.decode(*std::make_unique<gllm::KvCache>(), {}, nullptr).code == Code::invalid_argument);
    }
    gllm::Model model;
    gllm::ModelWeights none;
    CHECK(model.init(m.source.config, none).code == Code::invalid_argument);
    const long alive = test::allocations();
    test::fail_allocations(true);
    const Status s = model.init(m.source.config, m.source.weights);
    test::fail_allocations(false);
    CHECK(s.code == Code::out_of_memory);
    CHECK(test::allocations() == alive);
    OK(model.init(m.source.config, m.source.weights));
    OK(model.init(m.source.config, m.source.weights));              // again, instead of the first
}

TEST_CASE("init: weights that do not fit are told by name") {
    using L = gllm::LayerWeights;
    using W = gllm::ModelWeights;
    static const struct { gllm::DeviceTensor L::* tensor; const char* name; } of_layer[] = {
        {&L::attn_norm, "attn_norm"}, {&L::attn_norm_bias, "attn_norm_bias"}, {&L::q, "q"}, {&L::q_bias, "q_bias"}, {&L::k, "k"},
        {&L::k_bias, "k_bias"}, {&L::v, "v"}, {&L::v_bias, "v_bias"}, {&L::q_norm, "q_norm"}, {&L::k_norm, "k_norm"}, {&L::out, "out"},
        {&L::out_bias, "out_bias"}, {&L::post_attn_norm, "post_attn_norm"}, {&L::ffn_norm, "ffn_norm"},
        {&L::ffn_norm_bias, "ffn_norm_bias"},
        {&L::gate, "gate"}, {&L::gate_bias, "gate_bias"}, {&L::up, "up"}, {&L::up_bias, "up_bias"}, {&L::down, "down"},
        {&L::down_bias, "down_bias"}, {&L::post_ffn_norm, "post_ffn_norm"},
    };
    static const struct { gllm::DeviceTensor W::* tensor; const char* name; } of_model[] = {
        {&W::embedding, "embedding"}, {&W::positions, "positions"}, {&W::final_norm, "final_norm"},
        {&W::final_norm_bias, "final_norm_bias"},
        {&W::lm_head, "lm_head"}, {&W::lm_head_bias, "lm_head_bias"},
    };
    std::map<std::string, int> seen;
    for (const Files& f : all_models()) {
        INFO(f.name);
        Opened m(f);
        const size_t last = m.source.config.layers - 1;
        const auto check = [&](gllm::DeviceTensor& t, const std::string& name, bool vector) {
            if (!t) return;
            seen[name]++;
            INFO(name);
            const auto refused = [&](Code code, const char* what) {
                gllm::Model model;
                const Status s = model.init(m.source.config, m.source.weights);
                CHECK(s.code == code);
                CHECK_MESSAGE(std::string(s.what).find(what) != std::string::npos, test::text(s.what));
                CHECK(std::string(model.error().name) == name);
                return model.error();
            };
            const size_t rows = t.rows, cols = t.cols;
            t.rows++;
            const gllm::InferenceError e = refused(Code::invalid_argument, "another number of rows");
            CHECK(e.requested == rows);
            CHECK(e.available == rows + 1);
            t.rows = rows;
            t.cols += 256;
            refused(Code::invalid_argument, "another number of columns");
            t.cols = cols;
            t.device = gllm::DeviceKind::cuda;
            refused(Code::unsupported, "not in the memory of the CPU");
            t.device = gllm::DeviceKind::cpu;
            if (!vector) return;
            t.dtype = gllm::DType::f16;
            refused(Code::unsupported, "must be f32");
            t.dtype = gllm::DType::f32;
        };
        const auto missing = [&](gllm::DeviceTensor& t, const std::string& name) {
            void* const data = t.data;
            if (!data) return;
            t.data = nullptr;
            gllm::Model model;
            const Status s = model.init(m.source.config, m.source.weights);
            CHECK(s.code == Code::invalid_argument);
            CHECK(test::text(s.what) == "a tensor is missing");
            CHECK(std::string(model.error().name) == name);
            t.data = data;
        };
        const std::string prefix = "layer " + std::to_string(last) + ": ";
        L& layer = m.source.weights.layers[last];
        for (const auto& t : of_layer)
            check(layer.*t.tensor, prefix + t.name, (layer.*t.tensor).rows == 1 && std::string(t.name).size() > 4);
        for (const auto& t : of_model) check(m.source.weights.*t.tensor, t.name, std::string(t.name).find("norm") == 6);
        for (gllm::DeviceTensor L::* t : {&L::attn_norm, &L::q, &L::k, &L::v, &L::out, &L::up, &L::down})
            for (const auto& known : of_layer)
                if (known.tensor == t) missing(layer.*t, prefix + known.name);
        if (!m.source.config.parallel) missing(layer.ffn_norm, prefix + "ffn_norm");
        missing(m.source.weights.embedding, "embedding");
        missing(m.source.weights.final_norm, "final_norm");
        if (m.source.config.norm == gllm::NormType::layer) {
            missing(layer.attn_norm_bias, prefix + "attn_norm_bias");
            missing(m.source.weights.final_norm_bias, "final_norm_bias");
            layer.q_norm.view(layer.attn_norm.data, 1, m.source.config.head_dim, gllm::DType::f32);
            gllm::Model model;
            CHECK(model.init(m.source.config, m.source.weights).code == Code::unsupported);
        }
    }
    if (!std::getenv("GLLM_KERNELS_MODELS")) CHECK(seen.size() > 40);               // every kind of tensor somewhere
}

// ---- tensors ----------------------------------------------------------------------------

namespace {

/// A device whose pointers lead nowhere: who follows one faults.
struct Device {
    std::map<void*, std::vector<unsigned char>> blocks;
    size_t made = 0;
    bool full = false, broken = false;
    gllm::DeviceHooks hooks;
    Device() {
        hooks.user = this;
        hooks.allocate = [](void* user, size_t bytes) -> void* {
            Device& d = *static_cast<Device*>(user);
            if (d.full) return nullptr;
            void* const p = reinterpret_cast<void*>(static_cast<uintptr_t>(16 * ++d.made));
            d.blocks[p].assign(bytes, 0xee);
            return p;
        };
        hooks.release = [](void* user, void* p) { CHECK(static_cast<Device*>(user)->blocks.erase(p) == 1); };
        hooks.upload = [](void* user, void* to, const void* from, size_t bytes) {
            Device& d = *static_cast<Device*>(user);
            REQUIRE(d.blocks.at(to).size() == bytes);
            std::memcpy(d.blocks.at(to).data(), from, bytes);
            return !d.broken;
        };
        hooks.download = [](void* user, void* to, const void* from, size_t bytes) {
            Device& d = *static_cast<Device*>(user);
            REQUIRE(d.blocks.at(const_cast<void*>(from)).size() == bytes);
            std::memcpy(to, d.blocks.at(const_cast<void*>(from)).data(), bytes);
            return !d.broken;
        };
    }
};

} // namespace

TEST_CASE("DeviceTensor") {
    using gllm::DeviceKind;
    using gllm::DeviceTensor;
    using gllm::DType;
    using gllm::QuantType;
    const size_t rows = 3, cols = 64, n = rows * cols;
    test::Rng rng(3);
    Floats x(n), back(n), want(n);
    for (float& v : x) v = static_cast<float>(rng.gaussian());
    const long alive = test::allocations();
    Device device;
    for (DType dtype : {DType::f32, DType::f16, DType::bf16, DType::blocks})
        for (bool there : {false, true}) {
            DeviceTensor t;
            OK(t.allocate(rows, cols, dtype, QuantType::Q4_0, there ? DeviceKind::metal : DeviceKind::cpu,
                          there ? &device.hooks : nullptr));
            CHECK(t.owned);
            CHECK(t.elements == n);
            CHECK(t.bytes == (dtype == DType::f32 ? 4 * n : dtype == DType::blocks ? n / 32 * 18 : 2 * n));
            if (!there) CHECK(reinterpret_cast<uintptr_t>(t.data) % 64 == 0);
            CHECK((t.as<float>() != nullptr) == (!there && dtype == DType::f32));
            CHECK((t.as<gllm::f16>() != nullptr) == (!there && dtype == DType::f16));
            CHECK((t.as<gllm::bf16>() != nullptr) == (!there && dtype == DType::bf16));
            OK(t.upload_f32(x.data(), n));
            OK(t.download_f32(back.data(), n));
            for (size_t i = 0; i < n; i++) {
                if (dtype == DType::f32) want[i] = x[i];
                if (dtype == DType::f16) want[i] = gllm::Element<gllm::f16>::to_f32(gllm::Element<gllm::f16>::from_f32(x[i]));
                if (dtype == DType::bf16) want[i] = gllm::Element<gllm::bf16>::to_f32(gllm::Element<gllm::bf16>::from_f32(x[i]));
            }
            if (dtype == DType::blocks) {
                std::vector<unsigned char> blocks(t.bytes);
                OK(gllm::CpuKernels<float>().quantize(QuantType::Q4_0, x.data(), rows, cols, nullptr, blocks.data()));
                OK(gllm::CpuKernels<float>().dequant(QuantType::Q4_0, blocks.data(), want.data(), n));
            }
            CHECK(same(back, want));
            CHECK(t.upload_f32(x.data(), n - 1).code == Code::invalid_argument);
            CHECK(t.upload_f32(nullptr, n).code == Code::invalid_argument);
            CHECK(t.download_f32(back.data(), n + 1).code == Code::invalid_argument);
            CHECK(t.download_f32(nullptr, n).code == Code::invalid_argument);
            if (!there) {                                           // a view is somebody else's memory
                DeviceTensor view;
                OK(view.view(t.data, rows, cols, dtype, QuantType::Q4_0));
                CHECK(view.upload_f32(x.data(), n).code == Code::invalid_argument);
                continue;
            }
            device.broken = true;
            CHECK(t.upload_f32(x.data(), n).code == Code::runtime_error);
            CHECK(t.download_f32(back.data(), n).code == Code::runtime_error);
            device.broken = false;
            test::fail_allocations(true);
            const Status up = t.upload_f32(x.data(), n), down = t.download_f32(back.data(), n);
            test::fail_allocations(false);
            CHECK(up.code == Code::out_of_memory);
            CHECK(down.code == Code::out_of_memory);
            DeviceTensor moved = static_cast<DeviceTensor&&>(t), third;
            CHECK(!t);
            CHECK(moved.hooks == &device.hooks);
            third = static_cast<DeviceTensor&&>(moved);
            OK(third.download_f32(back.data(), n));
            DeviceTensor view;                                      // somebody's memory on a device, and nobody to ask
            view.data = third.data, view.bytes = third.bytes, view.elements = n, view.rows = rows, view.cols = cols, view.dtype = dtype;
            view.device = DeviceKind::metal;
            CHECK(view.upload_f32(x.data(), n).code == Code::unsupported);
            CHECK(view.download_f32(back.data(), n).code == Code::unsupported);
            CHECK(view.as<float>() == nullptr);
        }
    CHECK(device.blocks.empty());
    CHECK(device.made == 4);
    CHECK(test::allocations() == alive);

    DeviceTensor t;
    CHECK(t.allocate(rows, cols, DType::f32, QuantType::Q8_0, DeviceKind::cuda).code == Code::unsupported);
    device.full = true;
    CHECK(t.allocate(rows, cols, DType::f32, QuantType::Q8_0, DeviceKind::cuda, &device.hooks).code == Code::out_of_memory);
    CHECK(!t);
    CHECK(t.allocate(0, cols, DType::f32).code == Code::invalid_argument);
    CHECK(t.allocate(rows, 0, DType::f32).code == Code::invalid_argument);
    CHECK(t.allocate(rows, 33, DType::blocks, QuantType::Q8_0).code == Code::invalid_argument);
    CHECK(t.allocate(SIZE_MAX / 2, 8, DType::f32).code == Code::invalid_argument);
    CHECK(t.allocate(2, SIZE_MAX / 2, DType::f16).code == Code::invalid_argument);
    CHECK(t.view(nullptr, 1, 1, DType::f32).code == Code::invalid_argument);
    alignas(4) unsigned char bytes[80] = {};
    CHECK(t.view(bytes + 1, 1, 4, DType::f32).code == Code::invalid_argument);
    CHECK(t.view(bytes + 1, 1, 4, DType::f16).code == Code::invalid_argument);
    OK(t.view(bytes + 2, 1, 4, DType::bf16));
    OK(t.view(bytes + 1, 2, 32, DType::blocks, QuantType::Q8_0));
    CHECK(t.bytes == 68);
    CHECK(!t.owned);
    OK(t.allocate(1, 5, DType::f32));                               // a view becomes an own tensor and back
    OK(t.view(bytes, 1, 4, DType::f32));
    CHECK(t.as<float>() == reinterpret_cast<float*>(bytes));
    test::fail_allocations(true);
    const Status s = t.allocate(1, 5, DType::f32);
    test::fail_allocations(false);
    CHECK(s.code == Code::out_of_memory);
    CHECK(t.data == bytes);                                         // what fails changes nothing
    CHECK(DeviceTensor().upload_f32(x.data(), 0).code == Code::invalid_argument);
    CHECK(test::allocations() == alive);
}

// ---- files that are wrong -----------------------------------------------------------------

namespace {

template <class T> std::string raw(T v) { std::string s(sizeof v, '\0'); std::memcpy(&s[0], &v, sizeof v); return s; }
std::string counted(const std::string& s) { return raw<uint64_t>(s.size()) + s; }

/// A GGUF file that can be changed.
struct Editable {
    struct Key { std::string name; gguf::Kind kind; bool array; uint64_t count; std::string bytes; };
    struct Tensor { std::string name; uint32_t dims; uint64_t shape[4]; uint32_t type; std::string bytes; };
    std::vector<Key> keys;
    std::vector<Tensor> tensors;

    explicit Editable(const Files& f) {
        gguf::File file;
        REQUIRE(file.open(f.path.c_str()) == "");
        for (const auto& k : file.metadata()) {
            const gguf::Value& v = k.second;
            keys.push_back({std::string(k.first), v.kind, v.array, v.count, std::string(v.begin, v.end)});
        }
        for (const gguf::Tensor& t : file.tensors())
            tensors.push_back({std::string(t.name), t.dims, {t.shape[0], t.shape[1], t.shape[2], t.shape[3]}, t.type->id,
                std::string(t.data, t.data + t.bytes)});
    }
    std::string head() const {
        std::string s = "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(tensors.size()) + raw<uint64_t>(keys.size());
        for (const Key& k : keys) {
            s += counted(k.name);
            if (k.array) s += raw(static_cast<uint32_t>(gguf::Kind::array));
            s += raw(static_cast<uint32_t>(k.kind));
            if (k.array) s += raw(k.count);
            s += k.bytes;
        }
        uint64_t at = 0;
        for (const Tensor& t : tensors) {
            s += counted(t.name) + raw(t.dims);
            for (uint32_t i = 0; i < t.dims; i++) s += raw(t.shape[i]);
            s += raw(t.type) + raw(at);
            at += (t.bytes.size() + 31) / 32 * 32;
        }
        return s;
    }
    std::string file() const {
        std::string s = head();
        s.resize((s.size() + 31) / 32 * 32);
        for (const Tensor& t : tensors) {
            s += t.bytes;
            s.resize((s.size() + 31) / 32 * 32);
        }
        return s;
    }
    Key& key(const std::string& name) {
        for (Key& k : keys)
            if (k.name == name) return k;
        FAIL("no key " << name);
        return keys[0];
    }
    Tensor& tensor(const std::string& name) {
        for (Tensor& t : tensors)
            if (t.name == name) return t;
        FAIL("no tensor " << name);
        return tensors[0];
    }
    void drop(const std::string& name) {                            // a key or a tensor
        keys.erase(std::remove_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; }), keys.end());
        tensors.erase(std::remove_if(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; }), tensors.end());
    }
    std::string architecture() { return key("general.architecture").bytes.substr(8); }
    template <class T> void set(const std::string& name, gguf::Kind kind, T v) {
        for (Key& k : keys)
            if (k.name == name) { k = {name, kind, false, 1, raw(v)}; return; }
        keys.push_back({name, kind, false, 1, raw(v)});
    }
    void set(const std::string& name, const std::string& v) {
        for (Key& k : keys)
            if (k.name == name) { k = {name, gguf::Kind::string, false, 1, counted(v)}; return; }
        keys.push_back({name, gguf::Kind::string, false, 1, counted(v)});
    }
};

/// What reading a file says; one that is fine runs a few tokens.
std::string outcome(const std::string& bytes) {
    gguf::File file;
    std::string error = file.parse(bytes.data(), bytes.size());
    model::Source source;
    if (error.empty()) error = source.load(file);
    if (!error.empty()) return error;
    model::Session session;
    error = session.open(source, options(4), CacheType::f32, 16);
    if (!error.empty()) return error;
    const int32_t tokens[] = {1, 0, 1};
    Floats logits(session.vocabulary());
    const Status s = session.eval(tokens, 3, logits.data(), 1);
    return s ? std::string() : session.why(s);
}
void refused(const Editable& e, const std::string& names) {
    const std::string error = outcome(e.file());
    CHECK_MESSAGE(error.find(names) != std::string::npos, "wanted \"" << names << "\", got \"" << error << "\"");
}

} // namespace

TEST_CASE("files: every key that is wrong is named") {
    for (const Files& f : all_models()) {
        const Editable original(f);
        REQUIRE(outcome(original.file()) == "");
        Editable probe = original;
        const std::string prefix = probe.architecture() + ".";
        for (size_t i = 0; i < original.keys.size(); i++) {
            const Editable::Key& key = original.keys[i];
            if (key.name.compare(0, prefix.size(), prefix) != 0 && key.name != "general.architecture") continue;
            const std::string part = key.name.substr(key.name.find('.') + 1);
            INFO(f.name << ", " << key.name);
            const bool window = part == "attention.sliding_window" && (prefix == "llama." || prefix == "qwen2." || prefix == "qwen3.");
            const bool rope = prefix == "gpt2." && part.compare(0, 5, "rope.") == 0;
            if (window || rope || part == "vocab_size" || part == "rope.scaling.finetuned") continue;              // not read
            Editable e = original;
            e.keys[i] = {key.name, gguf::Kind::boolean, false, 1, raw<uint8_t>(1)};
            refused(e, "'" + key.name + "'");
            e.keys[i] = {key.name, gguf::Kind::u32, true, 2, raw<uint32_t>(1) + raw<uint32_t>(2)};
            refused(e, "'" + key.name + "'");
            if (key.kind == gguf::Kind::f32) {
                for (float v : {-1.0f, HUGE_VALF, std::nanf("")}) {
                    e.keys[i] = {key.name, gguf::Kind::f32, false, 1, raw(v)};
                    refused(e, "'" + key.name + "'");
                }
            } else if (key.kind == gguf::Kind::string) {
                e.keys[i].kind = gguf::Kind::string, e.keys[i].array = false, e.keys[i].bytes = counted("nothing that is known");
                refused(e, "'" + key.name + "' is 'nothing that is known'");
            } else {
                e.keys[i] = {key.name, gguf::Kind::i32, false, 1, raw<int32_t>(-1)};
                refused(e, "'" + key.name + "'");
                for (uint32_t v : {0u, 0xffffffffu}) {              // a window of none is one
                    e.keys[i] = {key.name, gguf::Kind::u32, false, 1, raw(v)};
                    if (v > 0 || part != "attention.sliding_window") refused(e, "'" + key.name + "'");
                }
                e.keys[i] = {key.name, gguf::Kind::u32, true, 3, key.bytes + key.bytes + key.bytes};        // one for each layer
                if (part != "context_length" && part != "block_count" && key.kind == gguf::Kind::u32) CHECK(outcome(e.file()) == "");
            }
            e = original;
            e.keys.erase(e.keys.begin() + static_cast<std::ptrdiff_t>(i));
            static const char* const required[] = {
                "architecture", "context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count",
                "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"};
            const std::string error = outcome(e.file());
            for (const char* name : required)
                if (part == name) CHECK_MESSAGE(error == "key '" + key.name + "' is missing", error);
        }
        Editable e = original;
        e.set(prefix + "expert_count", gguf::Kind::u32, uint32_t(8));
        refused(e, "'" + prefix + "expert_count': mixtures of experts");
        e = original;
        e.set(prefix + "attention.value_length", gguf::Kind::u32, uint32_t(8));
        refused(e, "'" + prefix + "attention.value_length' must be the key length");
        e = original;
        e.set(prefix + "attention.key_length", gguf::Kind::u32, uint32_t(12));
        refused(e, "a multiple of 8");
        e = original;
        e.set(prefix + "attention.key_length", gguf::Kind::u32, uint32_t(584));
        refused(e, "'" + prefix + "attention.key_length' is 584, outside 8 to 576");
        e = original;
        e.set(prefix + "attention.head_count_kv", gguf::Kind::u32, uint32_t(3));
        refused(e, "'" + prefix + "attention.head_count");
        e = original;
        e.set(prefix + "attention.head_count", gguf::Kind::u32, uint32_t(7));
        e.set(prefix + "attention.head_count_kv", gguf::Kind::u32, uint32_t(7));
        e.drop(prefix + "attention.key_length");
        e.drop(prefix + "attention.value_length");
        refused(e, "'" + prefix + "attention.head_count' must divide " + prefix + "embedding_length");
    }
    Editable e(one("gemma3"));
    e.drop("gemma3.attention.sliding_window");
    refused(e, "key 'gemma3.attention.sliding_window' is missing");
    e = Editable(one("llama-bias"));
    e.set("llama.rope.scaling.type", "longer");
    refused(e, "'llama.rope.scaling.type' is 'longer', where none, linear, yarn or longrope is needed");
    e.set("llama.rope.scaling.type", "yarn");
    e.set("llama.rope.scaling.factor", gguf::Kind::f32, 4.0f);
    CHECK(outcome(e.file()) == "");
    e.set("llama.rope.freq_base", gguf::Kind::f32, 0.5f);
    refused(e, "rope.base must be above 1 for yarn");
    e = Editable(one("phi3-long"));
    e.drop("rope_factors_short.weight");
    refused(e, "'rope_factors_long.weight' and 'rope_factors_short.weight' belong together");
}

TEST_CASE("files: every tensor that is wrong is named") {
    for (const Files& f : all_models()) {
        const Editable original(f);
        const size_t step = test::small() || original.tensors.size() > 100 ? 7 : 1;
        for (size_t i = 0; i < original.tensors.size(); i += step) {
            const Editable::Tensor& t = original.tensors[i];
            INFO(f.name << ", " << t.name);
            const bool factors = t.name.compare(0, 5, "rope_") == 0;
            Editable e = original;
            e.tensors[i].name += "x";
            const std::string renamed = outcome(e.file());          // missing; or, where it may be, the new one has no place
            CHECK_MESSAGE((renamed.find("'" + t.name) != std::string::npos || (factors && !renamed.empty()) ||
                           (t.name.find("attn_qkv") != std::string::npos && !renamed.empty())), renamed);
            e = original;
            e.tensors.erase(e.tensors.begin() + static_cast<std::ptrdiff_t>(i));
            const std::string error = outcome(e.file());
            const bool optional = t.name == "output.weight" || t.name == "rope_freqs.weight" ||
                                  (t.name.size() > 5 && t.name.compare(t.name.size() - 5, 5, ".bias") == 0);
            CHECK_MESSAGE((error.find("'" + t.name + "'") != std::string::npos || optional || (factors && !error.empty())), error);
            if (t.dims > 1 && t.name != "token_embd.weight") {      // a row fewer
                e = original;
                e.tensors[i].bytes.resize(t.bytes.size() / t.shape[1] * --e.tensors[i].shape[1]);
                refused(e, "tensor '" + t.name + "' is ");
            }
            e = original;                                           // two dimensions more
            e.tensors[i].dims = 4;
            for (uint32_t d = t.dims; d < 4; d++) e.tensors[i].shape[d] = d == 3 ? 2 : 1;
            e.tensors[i].bytes += t.bytes;
            refused(e, "tensor '" + t.name + "'");
            if (t.dims > 1) continue;
            e = original;
            e.tensors[i].type = 1;                                  // F16, where vectors are F32
            refused(e, "tensor '" + t.name + "' is F16, where F32 is needed");
            e = original;
            e.tensors[i].shape[0]--;
            if (!factors)
                refused(e, "tensor '" + t.name + "' is " + std::to_string(t.shape[0] - 1) + ", where " + std::to_string(t.shape[0]) +
                    " is needed");
            if (!factors) continue;
            const float bad[] = {0, -1, HUGE_VALF, std::nanf("")};
            for (float v : bad) {
                e = original;
                e.tensors[i].bytes.replace(0, 4, raw(v));
                refused(e, "tensor '" + t.name + "' must hold finite numbers above zero");
            }
            e = original;
            e.tensors[i].shape[0] = 2;
            refused(e, "tensor '" + t.name + "' has 2 numbers, where ");
        }
        Editable e = original;
        e.tensors.push_back({"blk.0.ffn_gate_inp.weight", 1, {4, 1, 1, 1}, 0, std::string(16, '\0')});
        refused(e, "tensor 'blk.0.ffn_gate_inp.weight' has no place in a model of architecture '" + e.architecture() + "'");
        e = original;
        e.set(e.architecture() + ".block_count", gguf::Kind::u32, uint32_t(1));
        refused(e, "has no place");
        e.set(e.architecture() + ".block_count", gguf::Kind::u32, uint32_t(60));
        refused(e, " is missing");
    }
}

TEST_CASE("files: random bytes") {
    size_t loaded = 0, rounds = 0;
    for (const Files& f : all_models()) {
        const Editable original(f);
        Editable bare = original;                                   // vocabularies are the business of test_tokenizer
        for (const Editable::Key& k : original.keys)
            if (k.name.find("tokenizer") == 0) bare.drop(k.name);
        const std::string whole = bare.file();
        const size_t head = bare.head().size();
        std::string file = whole;
        test::Rng rng(7);
        for (int round = 0; round < (test::small() ? 20 : 200); round++, rounds++) {
            const size_t count = 1 + rng.below(3);
            for (size_t i = 0; i < count; i++) {
                char& c = file[rng.below(head)];
                c = rng.below(2) ? static_cast<char>(rng.bits()) : static_cast<char>(c ^ 1 << rng.below(8));
            }
            loaded += outcome(file).empty();
            file.replace(0, head, whole, 0, head);
        }
        for (size_t at = 0; at < head; at += 1 + rng.below(test::small() ? 400 : 60)) {
            test::Guarded<unsigned char> cut(at);                   // a read past the end faults
            if (at) std::memcpy(cut.data(), whole.data(), at);
            gguf::File g;
            CHECK(!g.parse(cut.data(), at).empty());
        }
    }
    CHECK(loaded > 0);                                              // some bytes are free to change
    CHECK(loaded < rounds / 2);
}
