// The examples' model: likelihood, logits and greedy text of real GGUF files against reference numbers in double, what becomes
// of files that are damaged, and the program around it: its options, messages and memory. SPDX-License-Identifier: MIT
//
// Environment: GLLM_KERNELS_MODELS=dir   where further models of reference.txt may lie
//              GLLM_KERNELS_FULL=1       the whole evaluation text for all of them
//              GLLM_KERNELS_SMALL=1      one window of it, for emulators
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#define GLLM_KERNELS_MODEL
#define GLLM_KERNELS_COMPILER
#ifndef GLLM_KERNELS_THREADS
#define GLLM_KERNELS_THREADS
#endif
#include "harness.hpp"
#include "../examples/generate.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/stat.h>
#include <sys/wait.h>
#endif

#ifndef GLLM_EXAMPLES_MODEL_DIR
#define GLLM_EXAMPLES_MODEL_DIR "examples/model"
#endif

// ---- every allocation of this program: its size, the sum of those alive, and one that fails -----------------------------

static thread_local size_t largest_allocation = 0;
static thread_local long   allocations_left   = -1;                 // of this thread; all fail after them. -1: any number
static std::atomic<size_t> allocated{0}, most_allocated{0};

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))                          // or malloc and delete meet in one function, which warns
#else
#define NOINLINE
#endif

constexpr size_t before_block = alignof(std::max_align_t) < sizeof(size_t) ? sizeof(size_t) : alignof(std::max_align_t);

NOINLINE void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
    if (bytes > largest_allocation) largest_allocation = bytes;
    if (allocations_left == 0 || bytes > SIZE_MAX / 2) return nullptr;
    if (allocations_left > 0) allocations_left--;
    unsigned char* const raw = static_cast<unsigned char*>(std::malloc(before_block + bytes));
    if (!raw) return nullptr;
    std::memcpy(raw, &bytes, sizeof bytes);
    const size_t now = allocated += bytes;
    if (now > most_allocated) most_allocated = now;
    return raw + before_block;
}
NOINLINE void* operator new(size_t bytes) {
    if (void* p = operator new(bytes, std::nothrow)) return p;
    throw std::bad_alloc();
}
NOINLINE void operator delete(void* p) noexcept {
    if (!p) return;
    unsigned char* const raw = static_cast<unsigned char*>(p) - before_block;
    size_t bytes;
    std::memcpy(&bytes, raw, sizeof bytes);
    allocated -= bytes;
    std::free(raw);
}
NOINLINE void operator delete(void* p, size_t) noexcept { operator delete(p); }

namespace {

// ---- files --------------------------------------------------------------------

const char first_model[] = "kjv-mixed.gguf";

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

/// The path of a model, or nothing where it is not to be found.
std::string find_model(const std::string& name) {
    std::vector<std::string> dirs = {GLLM_EXAMPLES_MODEL_DIR};
    if (const char* more = std::getenv("GLLM_KERNELS_MODELS")) dirs.push_back(more);
    for (const std::string& dir : dirs)
        if (std::ifstream(dir + "/" + name, std::ios::binary)) return dir + "/" + name;
    static std::vector<std::string> told;
    if (std::find(told.begin(), told.end(), name) == told.end()) {
        MESSAGE("skipped: " << name << ", not found");
        told.push_back(name);
    }
    return std::string();
}

/// A file, its vocabulary and its model, or what is wrong with them.
struct Loaded {
    gguf::File file;
    tokenizer::Tokenizer words;
    model::Source source;
    model::Session session;
    std::string error;

    explicit Loaded(const std::string& path, const gllm::ModelOptions& options = {}) : error(file.open(path.c_str())) { load(options); }
    Loaded(const void* data, size_t size, size_t tokens = 64) : error(file.parse(data, size)) { load({}, tokens); }
    size_t vocabulary() const { return source.config.vocabulary; }
private:
    void load(const gllm::ModelOptions& options, size_t tokens = 0) {
        if (error.empty()) error = source.load(file);
        if (error.empty()) error = words.load(file);
        if (error.empty() && words.size() != vocabulary()) error = "tensor 'token_embd.weight' does not fit the vocabulary";
        if (error.empty()) error = session.open(source, options, gllm::CacheType::f32, tokens);
    }
};
gllm::ModelOptions on(gllm::Isa isa) { gllm::ModelOptions o; o.isa = isa; return o; }

/// The lines of reference.txt that start with a given word.
std::vector<std::string> reference(const std::string& word) {
    std::ifstream in(GLLM_EXAMPLES_MODEL_DIR "/reference.txt");
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        while (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.compare(0, word.size() + 1, word + " ") == 0) lines.push_back(line.substr(word.size() + 1));
    }
    REQUIRE_MESSAGE(!lines.empty(), "no line '" << word << "' in " GLLM_EXAMPLES_MODEL_DIR "/reference.txt");
    return lines;
}

std::string first_word(const std::string& line) { return line.substr(0, line.find(' ')); }

/// The number after a name in a line.
double field(const std::string& line, const std::string& name) {
    const size_t at = line.find(" " + name + " ");
    REQUIRE(at != std::string::npos);
    return std::strtod(line.c_str() + at + name.size() + 2, nullptr);
}

/// The part of a line after its i-th bar, with \n for a newline undone.
std::string between_bars(const std::string& line, int i) {
    size_t from = 0;
    while (i-- > 0) from = line.find('|', from) + 1;
    return tokenizer::replace_all(line.substr(from, line.find('|', from) - from), "\\n", "\n");
}

const std::string& eval_text() {
    static const std::string text = read_file(GLLM_EXAMPLES_MODEL_DIR "/eval.txt");
    REQUIRE(text.size() == 20480);
    return text;
}

/// What a difference in bits per byte is allowed to be.
constexpr double tolerance = 1e-5;

void check_windows(Loaded& m, size_t windows, double want) {
    double nats = 0;
    for (size_t i = 0; i < windows; i++) {
        double more;
        const std::string window = eval_text().substr(i * generate::window_bytes, generate::window_bytes);
        const gllm::Status status = generate::likelihood(m.session, m.words, window, more);
        REQUIRE_MESSAGE(status, std::string(status.what));
        nats += more;
    }
    const double bytes = static_cast<double>(windows * generate::window_bytes);
    CHECK(std::fabs(nats - want) / bytes / std::log(2.0) < tolerance);
}

std::string greedy(Loaded& m, const std::string& prompt, size_t count) {
    const std::vector<int32_t> tokens = m.words.encode(prompt);
    std::vector<float> logits(m.vocabulary());
    m.session.reset();
    gllm::Status status = m.session.eval(tokens.data(), tokens.size(), logits.data(), 1);
    std::string text;
    for (size_t i = 0; status && i < count; i++) {
        const int32_t token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
        text += m.words.piece(token);
        status = m.session.eval(&token, 1, logits.data(), 1);
    }
    REQUIRE_MESSAGE(status, std::string(status.what));
    return text;
}

} // namespace

// ---- against the reference ------------------------------------------------------

TEST_CASE("bits per byte") {
    for (const std::string& line : reference("eval")) {
        const std::string name = first_word(line), path = find_model(name);
        if (path.empty()) continue;
        INFO(name);
        Loaded m(path);
        REQUIRE_MESSAGE(m.error.empty(), m.error);
        const bool whole = test::full() || (name == first_model && !test::small());
        if (whole) check_windows(m, 80, field(line, "nll_sum"));
        else if (test::small()) check_windows(m, 1, field(line, "nll_window0"));
        else check_windows(m, 8, field(line, "nll_windows0_7"));
    }
}

TEST_CASE("every instruction set") {
    for (const std::string& line : reference("eval")) {
        if (first_word(line) != first_model) continue;
        for (gllm::Isa isa : gllm::all_isas) {
            if (!test::present(isa)) continue;
            INFO(std::string(gllm::isa_name(isa)));
            Loaded m(find_model(first_model), on(isa));
            REQUIRE_MESSAGE(m.error.empty(), m.error);
            check_windows(m, 1, field(line, "nll_window0"));
        }
    }
}

TEST_CASE("logits") {
    for (const std::string& line : reference("logits16")) {
        const std::string name = first_word(line), path = find_model(name);
        if (path.empty()) continue;
        INFO(name);
        Loaded m(path);
        REQUIRE_MESSAGE(m.error.empty(), m.error);
        const std::vector<int32_t> tokens = m.words.encode("In the beginning");
        REQUIRE(tokens.size() == 17);
        std::vector<float> logits(m.vocabulary());
        REQUIRE(m.session.eval(tokens.data(), tokens.size(), logits.data(), 1));

        std::istringstream want(line.substr(name.size()));
        double value;
        for (size_t i = 0; i < 16; i++) {
            REQUIRE(bool(want >> value));
            CHECK(std::fabs(static_cast<double>(logits[i]) - value) < 1e-3);
        }
        for (const std::string& top : reference("logits_top8")) {
            if (first_word(top) != name) continue;
            std::istringstream pairs(top.substr(name.size()));
            size_t token;
            char colon;
            for (int i = 0; i < 8; i++) {
                REQUIRE(bool(pairs >> token >> colon >> value));
                CHECK(std::fabs(static_cast<double>(logits.at(token)) - value) < 1e-3);
            }
        }
    }
}

TEST_CASE("greedy text") {
    struct Case { std::string name, prompt, text; };
    std::vector<Case> cases;
    for (const std::string& line : reference("greedy64"))
        cases.push_back({first_word(line), "In the beginning", between_bars(line, 1)});
    for (const std::string& line : reference("greedy64_prompt"))
        cases.push_back({first_word(line.substr(line.find("| ") + 2)), between_bars(line, 1), between_bars(line, 3)});
    for (const Case& c : cases) {
        const std::string path = find_model(c.name);
        if (path.empty()) continue;
        INFO(c.name << ", " << c.prompt);
        Loaded m(path);
        REQUIRE_MESSAGE(m.error.empty(), m.error);
        CHECK(c.text.size() == 64);
        CHECK(greedy(m, c.prompt, 64) == c.text);
    }
}

// ---- the sequence ---------------------------------------------------------------

TEST_CASE("prompts in pieces, threads") {
    Loaded m(find_model(first_model));
    REQUIRE_MESSAGE(m.error.empty(), m.error);
    const size_t vocabulary = m.vocabulary(), n = test::small() ? 40 : 200;
    const std::vector<int32_t> tokens = m.words.encode(eval_text().substr(0, n - 1));
    REQUIRE(tokens.size() == n);
    std::vector<float> whole(n * vocabulary), pieces(n * vocabulary);
    REQUIRE(m.session.eval(tokens.data(), n, whole.data(), n));
    CHECK(m.session.position() == n);
    const auto same = [&] { return std::memcmp(whole.data(), pieces.data(), whole.size() * sizeof(float)) == 0; };
    const auto alike = [&] {
        for (size_t i = 0; i < whole.size(); i++)
            if (!(std::fabs(static_cast<double>(whole[i]) - static_cast<double>(pieces[i])) < 1e-3)) return false;
        return true;
    };

    m.session.reset();
    size_t at = 0;
    for (size_t step = 1; at < n; at += step, step = std::min(step * 3, n - at))
        REQUIRE(m.session.eval(&tokens[at], step, &pieces[at * vocabulary], step));
    CHECK(alike());

    gllm::ThreadPool pool(3);
    gllm::ModelOptions options;
    options.parallel = pool.parallel();
    Loaded shared(find_model(first_model), options);
    REQUIRE(shared.session.eval(tokens.data(), n, pieces.data(), n));
    CHECK(same());
    shared.session.truncate(n - 10);
    CHECK(shared.session.position() == n - 10);
    REQUIRE(shared.session.eval(&tokens[n - 10], 10, &pieces[(n - 10) * vocabulary], 10));
    CHECK(alike());
}

TEST_CASE("eval refuses") {
    Loaded m(find_model(first_model));
    REQUIRE_MESSAGE(m.error.empty(), m.error);
    std::vector<float> logits(m.vocabulary());
    const std::vector<int32_t> many(513, 40);
    const int32_t wrong[] = {-1, 259};
    CHECK(!m.session.eval(many.data(), 513, logits.data(), 1));
    CHECK(!m.session.eval(&wrong[0], 1, logits.data(), 1));
    CHECK(!m.session.eval(&wrong[1], 1, logits.data(), 1));
    CHECK(!m.session.eval(many.data(), 1, logits.data(), 2));
    CHECK(m.session.position() == 0);
    CHECK(m.session.eval(many.data(), 0, nullptr, 0));
    CHECK(m.session.eval(many.data(), 1, logits.data(), 1));
}

// ---- vocabulary -----------------------------------------------------------------

namespace {

/// GGUF parts, written by hand.
template <class T> std::string raw(T v) { std::string s(sizeof v, '\0'); std::memcpy(&s[0], &v, sizeof v); return s; }
std::string text(const std::string& s) { return raw<uint64_t>(s.size()) + s; }
std::string key(const std::string& name, gguf::Kind kind, const std::string& value) {
    return text(name) + raw<uint32_t>(static_cast<uint32_t>(kind)) + value;
}
std::string array(gguf::Kind kind, uint64_t count, const std::string& elements) {
    return raw<uint32_t>(static_cast<uint32_t>(kind)) + raw<uint64_t>(count) + elements;
}
std::string tensor(const std::string& name, const std::vector<uint64_t>& shape, uint32_t type, uint64_t offset) {
    std::string s = text(name) + raw<uint32_t>(static_cast<uint32_t>(shape.size()));
    for (uint64_t n : shape) s += raw(n);
    return s + raw(type) + raw(offset);
}
std::string header(uint64_t tensors, uint64_t keys) { return "GGUF" + raw<uint32_t>(3) + raw(tensors) + raw(keys); }

std::string patched(std::string file, size_t at, const std::string& bytes) {
    REQUIRE(at + bytes.size() <= file.size());
    return file.replace(at, bytes.size(), bytes);
}

} // namespace

TEST_CASE("vocabulary: one token a byte") {
    Loaded m(find_model(first_model));
    REQUIRE_MESSAGE(m.error.empty(), m.error);
    std::string all;
    for (int b = 0; b < 256; b++) all += static_cast<char>(b);
    const std::vector<int32_t> tokens = m.words.encode(all);
    REQUIRE(tokens.size() == 257);
    CHECK(tokens[0] == 1);
    std::string back;
    for (int b = 0; b < 256; b++) {
        CHECK(tokens[static_cast<size_t>(b) + 1] == b + 3);
        back += m.words.piece(b + 3);
    }
    CHECK(back == all);
    CHECK(m.words.piece(1).empty());
    CHECK(m.words.encode("") == std::vector<int32_t>{1});
    CHECK(m.words.eos == 2);
}

// ---- damaged files --------------------------------------------------------------

namespace {

/// The shipped model as bytes to be damaged, and where things are in it.
struct Original {
    std::string bytes = read_file(GLLM_EXAMPLES_MODEL_DIR "/" + std::string(first_model));
    size_t head, start, end;                                        // where the descriptions end, the tensors begin and end

    Original() {
        REQUIRE(bytes.size() == 2082560);
        head = after("output.weight") + 4 + 2 * 8 + 4 + 8;
        start = (head + 31) / 32 * 32;
        end = bytes.size() - 10;
    }
    /// Just behind a name that is stored with its length.
    size_t after(const std::string& name) const {
        const size_t at = bytes.find(text(name));
        REQUIRE(at != std::string::npos);
        return at + 8 + name.size();
    }
    std::string with(size_t at, const std::string& patch) const { return patched(bytes, at, patch); }
    template <class T> std::string with_value(const std::string& name, T v) const { return with(after(name) + 4, raw(v)); }
    std::string with_key(const std::string& more) const { return with_more(more, 1, "", 0); }
    /// One more tensor, of zeros, behind the others.
    std::string with_tensor(const std::string& name, uint64_t n) const {
        std::string s = with_more("", 0, tensor(name, {n}, 0, (bytes.size() - start + 31) / 32 * 32), 1);
        s.resize((s.size() + 31) / 32 * 32 + n * sizeof(float));
        return s;
    }
    std::string with_more(const std::string& keys, uint64_t key_count, const std::string& tensors, uint64_t tensor_count) const {
        std::string s = header(39 + tensor_count, 29 + key_count) + keys + bytes.substr(24, head - 24) + tensors;
        s.resize((s.size() + 31) / 32 * 32);
        return s + bytes.substr(start);
    }
};

/// What loading says. It must not have asked for more memory than small tables need.
std::string load_error(const void* data, size_t size) {
    largest_allocation = 0;
    const Loaded m(data, size);
    const size_t largest = largest_allocation;
    CHECK(largest < (size_t(1) << 17));
    return m.error;
}
std::string load_error(const std::string& file) { return load_error(file.data(), file.size()); }

} // namespace

TEST_CASE("damaged files: the message names the place") {
    const Original o;
    REQUIRE(load_error(o.bytes) == "");
    CHECK(load_error(o.with_more("", 0, "", 0)) == "");
    const uint64_t huge = uint64_t(1) << 61;
    const auto tensor_at = [&](const char* name) { return o.after(name); };   // u32 dims, u64 shape[2], u32 type, u64 offset
    const std::string q = "blk.1.attn_q.weight", tokens = "tokenizer.ggml.tokens";
    const auto nested = [](int depth) {
        std::string s = array(gguf::Kind::u8, 3, "abc");
        while (--depth > 0) s = array(gguf::Kind::array, 1, s);
        return key("x.nested", gguf::Kind::array, s);
    };
    const auto lie = [](const std::string& value) { return key("x.lie", gguf::Kind::array, value); };
    CHECK(load_error(o.with_key(nested(gguf::max_array_depth))) == "");
    CHECK(load_error(o.with_key(key("x.empty", gguf::Kind::array, array(gguf::Kind::string, 0, "")))) == "");

    const struct { const char* names; std::string file; } cases[] = {
        {"GGUF", o.with(0, "GGUE")},
        {"version 1", o.with(4, raw<uint32_t>(1))},
        {"version 4", o.with(4, raw<uint32_t>(4))},
        {"big-endian", o.with(4, raw<uint32_t>(0x03000000))},
        {"tensors, more than", o.with(8, raw(huge))},
        {"tensors, more than", o.with(8, raw(UINT64_MAX))},
        {"keys, more than", o.with(16, raw(huge))},
        {"keys, more than", o.with(16, raw(UINT64_MAX))},
        {"name of key 0", o.with(24, raw(huge))},

        {"'llama.block_count': value type 13", o.with(o.after("llama.block_count"), raw<uint32_t>(13))},
        {"'llama.block_count': value type", o.with(o.after("llama.block_count"), raw<uint32_t>(0xffffffff))},
        {"'tokenizer.ggml.tokens': value type 99", o.with(o.after(tokens) + 4, raw<uint32_t>(99))},
        {"'tokenizer.ggml.tokens': an array of 2305843009213693952", o.with(o.after(tokens) + 8, raw(huge))},
        {"'tokenizer.ggml.tokens': an array of 100000000 ", o.with(o.after(tokens) + 8, raw<uint64_t>(100000000))},
        {"'tokenizer.ggml.tokens': a string", o.with(o.after(tokens) + 16, raw(huge))},
        {"'tokenizer.ggml.tokens': a string", o.with(o.after(tokens) + 16, raw(UINT64_MAX - 7))},
        {"'general.name'", o.with(o.after("general.name") + 4, raw(huge))},
        {"'tokenizer.ggml.scores': an array", o.with(o.after("tokenizer.ggml.scores") + 8, raw(UINT64_MAX / 4 + 1))},
        {"'tokenizer.ggml.add_bos_token': a bool", o.with_value<uint8_t>("tokenizer.ggml.add_bos_token", 2)},
        {"'x.nested': arrays nested", o.with_key(nested(gguf::max_array_depth + 1))},
        {"'x.nested': arrays nested", o.with_key(nested(10000))},
        {"'x.lie': an array", o.with_key(lie(array(gguf::Kind::array, huge, "")))},
        {"'x.lie': an array", o.with_key(lie(array(gguf::Kind::array, 1, array(gguf::Kind::u64, huge, ""))))},
        {"'general.architecture' is there twice", o.with(o.after("llama.context_length") - 20, "general.architecture")},
        {"'general.alignment'", o.with_value<uint32_t>("general.alignment", 0)},
        {"'general.alignment'", o.with_value<uint32_t>("general.alignment", 24)},
        {"is not a multiple of the alignment, 16384", o.with_value<uint32_t>("general.alignment", 16384)},

        {"tensor 'blk.1.attn_q.weight': 0 dimensions", o.with(tensor_at("blk.1.attn_q.weight"), raw<uint32_t>(0))},
        {"tensor 'blk.1.attn_q.weight': 5 dimensions", o.with(tensor_at("blk.1.attn_q.weight"), raw<uint32_t>(5))},
        {"tensor 'blk.1.attn_q.weight': dimension 1 is zero", o.with(o.after(q) + 12, raw<uint64_t>(0))},
        {"tensor 'blk.1.attn_q.weight': the product", o.with(o.after(q) + 12, raw(huge))},
        {"tensor 'blk.1.attn_q.weight': the product", o.with(o.after(q) + 4, raw(huge) + raw(huge))},
        {"tensor 'blk.1.attn_q.weight': ", o.with(o.after(q) + 12, raw<uint64_t>(1) + raw<uint32_t>(12) + raw<uint64_t>(huge))},
        {"tensor 'blk.1.attn_q.weight': rows of 255", o.with(o.after(q) + 4, raw<uint64_t>(255))},
        {"tensor 'blk.1.attn_q.weight' is 256 x 255", o.with(o.after(q) + 12, raw<uint64_t>(255))},
        {"tensor 'blk.1.attn_q.weight' is 512 x 128", o.with(o.after(q) + 4, raw<uint64_t>(512) + raw<uint64_t>(128))},
        {"tensor 'blk.1.attn_q.weight': 1", o.with(o.after(q) + 12, raw<uint64_t>(100000))},
        {"tensor 'blk.1.attn_q.weight': type 4 ", o.with(o.after(q) + 20, raw<uint32_t>(4))},
        {"tensor 'blk.1.attn_q.weight': type 9 ", o.with(o.after(q) + 20, raw<uint32_t>(9))},
        {"tensor 'blk.1.attn_q.weight': type 4294967295 ", o.with(o.after(q) + 20, raw<uint32_t>(0xffffffff))},
        {"tensor 'blk.1.attn_q.weight': offset", o.with(o.after(q) + 24, raw<uint64_t>(17))},
        {"tensor 'output_norm.weight': its data overlap", o.with(o.after("output_norm.weight") + 16, raw<uint64_t>(64))},
        {"tensor 'blk.1.attn_q.weight': 36864 bytes", o.with(o.after(q) + 24, raw<uint64_t>(uint64_t(1) << 40))},
        {"tensor 'blk.1.attn_q.weight': 36864 bytes", o.with(o.after(q) + 24, raw<uint64_t>(UINT64_MAX - 31))},
        {"tensor 'output.weight': 54390 bytes", o.bytes.substr(0, o.end - 1)},
        {"tensor 'blk.0.attn_q.weight' is there twice", o.with(o.after(q) - q.size(), "blk.0")},
        {"tensor 'blk.1.attn_q.weight' is missing", o.with(o.after(q) - q.size(), "blk.8")},
        {"tensor 'blk.0.attn_norm.weight' is F16", o.with(o.after("blk.0.attn_norm.weight") + 12, raw<uint32_t>(1))},
        {"tensor 'output.weight' is 256 x 259", o.with(o.after("token_embd.weight") + 12, raw<uint64_t>(258))},
        {"tensor 'output_norm.weight' is missing", o.with(o.after("output_norm.weight") - 1, "T")},

        {"'general.architecture' is 'falcon'", header(0, 1) + key("general.architecture", gguf::Kind::string, text("falcon"))},
        {"'general.architecture' is 'llamb'", o.with(o.after("general.architecture") + 12, "llamb")},
        {"'llama.block_count' is 0", o.with_value<uint32_t>("llama.block_count", 0)},
        {"tensor 'blk.4.attn_norm.weight' is missing", o.with_value<uint32_t>("llama.block_count", 5)},
        {"tensor 'blk.4.attn_norm.weight' is missing", o.with_value<uint32_t>("llama.block_count", 60000)},
        {"'llama.block_count'", o.with_value<uint32_t>("llama.block_count", 0xffffffff)},
        {"tensor 'blk.3.attn_norm.weight' has no place", o.with_value<uint32_t>("llama.block_count", 3)},
        {"'llama.embedding_length'", o.with_value<uint32_t>("llama.embedding_length", 0xffffffff)},
        {"'llama.rope.dimension_count' is 32, where 64", o.with_value<uint32_t>("llama.embedding_length", 512)},
        {"tensor 'blk.0.ffn_gate.weight'", o.with_value<uint32_t>("llama.feed_forward_length", 1 << 28)},
        {"'llama.attention.head_count' is 0", o.with_value<uint32_t>("llama.attention.head_count", 0)},
        {"'llama.attention.head_count' must divide", o.with_value<uint32_t>("llama.attention.head_count", 12)},
        {"'llama.attention.head_count_kv' must divide", o.with_value<uint32_t>("llama.attention.head_count_kv", 3)},
        {"tensor 'blk.0.attn_k.weight'", o.with_value<uint32_t>("llama.attention.head_count_kv", 8)},
        {"'llama.rope.dimension_count' is 34", o.with_value<uint32_t>("llama.rope.dimension_count", 34)},
        {"'llama.rope.dimension_count' is 30, where 32 is needed", o.with_value<uint32_t>("llama.rope.dimension_count", 30)},
        {"'llama.rope.freq_base'", o.with_value<uint32_t>("llama.rope.freq_base", 0x7fc00000)},
        {"'llama.rope.freq_base'", o.with_value<float>("llama.rope.freq_base", -1)},
        {"_rms_epsilon' must be a finite", o.with_value<uint32_t>("llama.attention.layer_norm_rms_epsilon", 0x7f800000)},
        {"'llama.context_length' is 0", o.with_value<uint32_t>("llama.context_length", 0)},
        {"'llama.context_length' must be", o.with(o.after("llama.context_length"), raw<uint32_t>(6))},
        {"'llama.expert_count'", o.with_key(key("llama.expert_count", gguf::Kind::u32, raw<uint32_t>(8)))},
        {"'llama.rope.scaling.type' is 'ntk'", o.with_key(key("llama.rope.scaling.type", gguf::Kind::string, text("ntk")))},
        {"'llama.rope.scale_linear'", o.with_key(key("llama.rope.scale_linear", gguf::Kind::f32, raw(-4.0f)))},
        {"tensor 'rope_freqs.weight'", o.with_tensor("rope_freqs.weight", 16)},
        {"tensor 'blk.0.attn_q.bias' is 255, where 256 is needed", o.with_tensor("blk.0.attn_q.bias", 255)},
        {"tensor 'blk.0.attn_q_norm.weight' has no place", o.with_tensor("blk.0.attn_q_norm.weight", 32)},
        {"tensor 'a\\x01\\xFFb'", o.with_tensor("a\x01\xFF" "b", 256)},

        {"'tokenizer.ggml.model' is 'gpt-2'", o.with(o.after("tokenizer.ggml.model") + 12, "gpt-2")},
        {"'tokenizer.ggml.scores'", o.with(o.after("tokenizer.ggml.scores") + 16, raw<uint32_t>(0x7fc00000))},
        {"'tokenizer.ggml.token_type'", o.with(o.after("tokenizer.ggml.token_type") + 16, raw<uint32_t>(77))},
        {"no byte token <0x00>", o.with(o.after("tokenizer.ggml.token_type") + 16 + 4 * 3, raw<uint32_t>(1))},
        {"byte token 68", o.with(o.after("<0x41>") - 3, "ZZ")},
        {"'tokenizer.ggml.bos_token_id' is 259", o.with_value<uint32_t>("tokenizer.ggml.bos_token_id", 259)},
    };
    for (const auto& c : cases) {
        const std::string error = load_error(c.file);
        const bool named = error.find(c.names) != std::string::npos;
        CHECK_MESSAGE(named, "wanted \"" << std::string(c.names) << "\", got \"" << error << "\"");
    }
    CHECK(load_error(o.with_key(key("llama.rope.scaling.type", gguf::Kind::string, text("none")))) == "");
}

TEST_CASE("damaged files: cut short anywhere") {
    const Original o;
    std::vector<size_t> cuts;
    for (size_t n = 0; n < o.start; n += n < 400 ? 1 : test::small() ? 97 : 7) cuts.push_back(n);
    for (size_t n : cuts) {
        test::Guarded<unsigned char> file(n);                       // a read past the end faults
        if (n) std::memcpy(file.data(), o.bytes.data(), n);
        const std::string error = load_error(file.data(), n);
        CHECK_MESSAGE(!error.empty(), "cut to " << n << " bytes");
    }
    for (size_t n = o.start; n < o.end; n += 100003) {
        const std::string error = load_error(o.bytes.data(), n);
        CHECK_MESSAGE(error.find("tensor '") != std::string::npos, "cut to " << n << " bytes: " << error);
    }
    CHECK(load_error(o.bytes.data(), o.end - 1).find("tensor 'output.weight'") != std::string::npos);
    CHECK(load_error(o.bytes.data(), o.end) == "");                 // what follows is padding
}

TEST_CASE("damaged files: random bytes") {
    const Original o;
    std::string file = o.bytes;
    test::Rng rng(1);
    size_t loaded = 0;
    for (int round = 0; round < 500; round++) {
        const size_t count = 1 + rng.below(4);
        for (size_t i = 0; i < count; i++) file[rng.below(o.head)] = static_cast<char>(rng.bits());
        largest_allocation = 0;
        Loaded m(file.data(), file.size());
        const size_t largest = largest_allocation;
        CHECK(largest < (size_t(1) << 17));
        if (m.error.empty()) {
            loaded++;
            const int32_t tokens[] = {1, 3 + 'I', 3 + 'n'};
            std::vector<float> logits(m.vocabulary());
            (void)m.session.eval(tokens, 3, logits.data(), 1);
        }
        file.replace(0, o.head, o.bytes, 0, o.head);
    }
    CHECK(loaded > 0);                                              // names, scores and the like are free to change
    CHECK(loaded < 500);
}

TEST_CASE("corrupt weights, weights at the very end of a file") {
    const Original o;
    const int32_t tokens[] = {1, 3 + 'I', 3 + 'n', 3 + ' '};
    {
        std::string file = o.bytes;
        std::fill(file.begin() + static_cast<std::ptrdiff_t>(o.start), file.end(), '\xff');
        Loaded m(file.data(), file.size());
        REQUIRE_MESSAGE(m.error.empty(), m.error);
        std::vector<float> logits(m.vocabulary());
        REQUIRE(m.session.eval(tokens, 4, logits.data(), 1));
        CHECK(std::isnan(logits[0]));
    }
    test::Guarded<unsigned char> file(o.bytes.size());              // its last tensor is output.weight
    std::memcpy(file.data(), o.bytes.data(), o.bytes.size());
    Loaded m(file.data(), file.size());
    REQUIRE_MESSAGE(m.error.empty(), m.error);
    std::vector<float> logits(m.vocabulary());
    REQUIRE(m.session.eval(tokens, 4, logits.data(), 1));
    CHECK(std::isfinite(logits[0]));
    REQUIRE(m.session.eval(tokens, 1, logits.data(), 1));
    CHECK(std::isfinite(logits[0]));
}

TEST_CASE("files that are not there") {
    gguf::File file;
    CHECK(file.open("no/such/file.gguf").find("cannot open the file") == 0);
    CHECK(!file.open(".").empty());
    CHECK(file.parse(nullptr, 0).find("not a GGUF file") != std::string::npos);
    const std::string empty = header(0, 0);
    CHECK(file.parse(empty.data(), empty.size()) == "");
    CHECK(file.tensors().empty());
    CHECK(file.tensor("output.weight") == nullptr);
}

// ---- small models of any shape ----------------------------------------------------

namespace {

/// A model whose tensors are as small as its shape allows, in one type, with a vocabulary of one token a byte.
struct Small {
    uint64_t layers = 1, width = 8, hidden = 8, heads = 2, kv_heads = 1, head_dim = 8;
    uint32_t context = 512;
    bool half = true, tied = false, shared = false;                 // shared: all tensors lie at offset 0

    std::string file() const {
        using K = gguf::Kind;
        std::string words, scores, types, keys;
        for (int i = 0; i < 259; i++) {
            char name[8];
            std::snprintf(name, sizeof name, i < 3 ? "<%d>" : "<0x%02X>", static_cast<unsigned>(i < 3 ? i : i - 3));
            words += text(name);
            scores += raw(0.0f);
            types += raw<int32_t>(i < 3 ? 3 : 6);
        }
        uint64_t key_count = 0, tensor_count = 0, at = 0;
        const auto add = [&](const std::string& name, K kind, const std::string& value) { keys += key(name, kind, value); key_count++; };
        const auto number = [&](const std::string& name, uint64_t n) { add("llama." + name, K::u64, raw(n)); };
        add("general.architecture", K::string, text("llama"));
        add("tokenizer.ggml.model", K::string, text("llama"));
        add("tokenizer.ggml.tokens", K::array, array(K::string, 259, words));
        add("tokenizer.ggml.scores", K::array, array(K::f32, 259, scores));
        add("tokenizer.ggml.token_type", K::array, array(K::i32, 259, types));
        add("tokenizer.ggml.bos_token_id", K::u32, raw<uint32_t>(1));
        add("llama.attention.layer_norm_rms_epsilon", K::f32, raw(1e-5f));
        number("block_count", layers);
        number("embedding_length", width);
        number("feed_forward_length", hidden);
        number("context_length", context);
        number("attention.head_count", heads);
        number("attention.head_count_kv", kv_heads);
        number("attention.key_length", head_dim);
        number("attention.value_length", head_dim);

        std::string tensors;
        const auto put = [&](const std::string& name, uint64_t cols, uint64_t rows) {
            const bool vector = rows == 0;
            tensors += vector ? tensor(name, {cols}, 0, shared ? 0 : at) : tensor(name, {cols, rows}, half ? 1 : 0, shared ? 0 : at);
            const uint64_t bytes = cols * (vector ? 1 : rows) * (vector || !half ? 4 : 2);
            at = shared ? std::max(at, bytes) : at + (bytes + 31) / 32 * 32;
            tensor_count++;
        };
        put("token_embd.weight", width, 259);
        for (uint64_t i = 0; i < layers; i++) {
            const std::string block = "blk." + std::to_string(i) + ".";
            put(block + "attn_norm.weight", width, 0);
            put(block + "attn_q.weight", width, heads * head_dim);
            put(block + "attn_k.weight", width, kv_heads * head_dim);
            put(block + "attn_v.weight", width, kv_heads * head_dim);
            put(block + "attn_output.weight", heads * head_dim, width);
            put(block + "ffn_norm.weight", width, 0);
            put(block + "ffn_gate.weight", width, hidden);
            put(block + "ffn_up.weight", width, hidden);
            put(block + "ffn_down.weight", hidden, width);
        }
        put("output_norm.weight", width, 0);
        if (!tied) put("output.weight", width, 259);
        std::string s = header(tensor_count, key_count) + keys + tensors;
        s.resize((s.size() + 31) / 32 * 32);
        const size_t start = s.size();
        s.resize(start + at);
        // f16 near 0.004, f32 near 5e-22
        for (size_t i = start; i < s.size(); i++) s[i] = i % 2 ? '\x1c' : static_cast<char>(i * 37 >> 3);
        return s;
    }
};

/// The most memory that reading a file needed at once, or what went wrong then or with so many tokens.
size_t memory_of(const std::string& file, size_t tokens, std::string& error) {
    const size_t before = allocated;
    most_allocated = before;
    {
        gguf::File f;
        tokenizer::Tokenizer words;
        model::Source source;
        error = f.parse(file.data(), file.size());
        if (error.empty()) error = source.load(f);
        if (error.empty()) error = words.load(f);
    }
    const size_t most = most_allocated - before;
    if (!error.empty()) return most;
    Loaded m(file.data(), file.size(), tokens);
    error = m.error;
    if (!error.empty()) return most;
    const std::vector<int32_t> ids(tokens, 40);
    std::vector<float> logits(m.vocabulary());
    const gllm::Status status = m.session.eval(ids.data(), tokens, logits.data(), 1);
    if (!status) error = m.session.why(status);
    else if (!std::isfinite(logits[0])) error = "the logits are not finite";
    return most;
}

} // namespace

TEST_CASE("memory follows the file; odd shapes") {
    const size_t mib = size_t(1) << 20;
    std::string error;
    {                                                               // nothing of its own in any layer
        Small s;
        s.layers = test::small() ? 200 : 2000;
        s.width = 1;
        s.heads = s.kv_heads = 16384;
        s.shared = true;
        const std::string file = s.file();
        CHECK(file.size() < mib * 3 / 2);
        CHECK(memory_of(file, 2, error) < 8 * file.size());
        CHECK_MESSAGE(error.find("its data overlap those of") != std::string::npos, error);
    }
    {                                                               // many heads; many queries of one key; wide activations
        Small heads, queries, wide;
        heads.width = queries.width = wide.width = 1;
        heads.heads = heads.kv_heads = queries.heads = test::small() ? 1024 : 16384;
        wide.hidden = 1 << 18;
        for (const Small* s : {&heads, &queries, &wide}) {
            CHECK(memory_of(s->file(), 3, error) < mib);
            CHECK(error == "");
        }
    }
    Small s;                                                        // a context that is only claimed
    const size_t few = memory_of(s.file(), 40, error);
    CHECK(error == "");
    s.context = INT32_MAX >> 3;
    CHECK(memory_of(s.file(), 40, error) == few);
    CHECK(error == "");
    s.tied = true;                                                  // one tensor used twice is no overlap
    CHECK(memory_of(s.file(), 40, error) <= few);
    CHECK(error == "");
}

// ---- the program ------------------------------------------------------------------

namespace {

/// A directory that goes away again.
struct Scratch {
    std::filesystem::path dir;
    Scratch() {
        for (unsigned i = 0; dir.empty(); i++) {
            const auto name = std::filesystem::temp_directory_path() / ("gllm_kernels_test_" + std::to_string(test::Rng(i).bits() ^
                              static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())));
            if (std::filesystem::create_directory(name)) dir = name;
        }
    }
    ~Scratch() { std::error_code ignored; std::filesystem::remove_all(dir, ignored); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::string path(const std::string& name) const { return (dir / name).string(); }
    std::string write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path(name), std::ios::binary) << bytes;
        return path(name);
    }
};

struct Ran { int status; std::string out, err; };

/// What generate does with these arguments and lines. Of this thread's allocations, those after the first `allocations` fail.
Ran run(const Scratch& scratch, std::vector<std::string> args, long allocations = -1, const std::string& lines = "") {
    args.insert(args.begin(), "generate");
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(&arg[0]);
    const std::string names[] = {scratch.path("stdout"), scratch.path("stderr")};
    FILE* files[2];
    for (int i = 0; i < 2; i++) REQUIRE((files[i] = std::fopen(names[i].c_str(), "wb")) != nullptr);
    FILE* const in = std::fopen(scratch.write("stdin", lines).c_str(), "rb");
    REQUIRE(in != nullptr);
    allocations_left = allocations;
    const int status = generate::run(static_cast<int>(argv.size()), argv.data(), files[0], files[1], in);
    const bool all_used = allocations_left == 0;
    allocations_left = -1;
    for (FILE* file : {files[0], files[1], in}) std::fclose(file);
    CHECK((all_used || allocations < 0 || status == 0));
    return {status, read_file(names[0]), read_file(names[1])};
}

bool starts(const std::string& s, const std::string& with) { return s.compare(0, with.size(), with) == 0; }

} // namespace

TEST_CASE("generate: writes and measures") {
    const Scratch scratch;
    const std::string model = find_model(first_model), tiny = scratch.write("tiny.gguf", Small().file());
    const std::string line = reference("greedy64")[0];
    if (!test::small() && first_word(line) == first_model) {
        const Ran r = run(scratch, {model, "-n", "64", "-t", "2"});
        CHECK(r.status == 0);
        CHECK(r.out == "In the beginning" + between_bars(line, 1) + "\n");
        CHECK(r.err.find(", 2 threads; Q4_K x ") != std::string::npos);
    }
    CHECK(run(scratch, {tiny, "-n", "0", "-p", "x"}).out == "x\n");
    CHECK(run(scratch, {tiny, "-n", "3", "--temp", "1e1", "--top-k", "0", "--seed", "18446744073709551615"}).status == 0);
    CHECK(run(scratch, {tiny, "-n", "4294967295"}).err.find("stopped: the context of 512 tokens is full") != std::string::npos);
    const Ran lengthy = run(scratch, {tiny, "-p", std::string(600, 'a')});
    CHECK(lengthy.status == 1);
    CHECK(lengthy.err.find("generate: -p: 604 tokens, for a context of 512\n") != std::string::npos);
    const Ran help = run(scratch, {"--help"});
    CHECK(help.status == 0);
    CHECK(help.err == "");
    CHECK(help.out == generate::usage);

    test::Rng rng(7);
    std::string binary(5000, ' ');
    for (char& c : binary) c = static_cast<char>(rng.bits());
    const struct { const char* name; std::string bytes; } texts[] = {
        {"one", "a"}, {"zeros", std::string(1000, '\0')}, {"binary", binary}, {"line", std::string(test::small() ? 600 : 20000, 'q')},
        {"cut", "\xE2\x96"}, {"model", Small().file().substr(0, 3000)}, {"spaces", std::string(170, ' ')},
    };
    for (const auto& t : texts) {
        INFO(t.name);
        const Ran r = run(scratch, {tiny, "--perplexity", scratch.write(t.name, t.bytes)});
        CHECK_MESSAGE(r.status == 0, r.err);
        CHECK(starts(r.out, "bits per byte: "));
        CHECK(std::isfinite(std::strtod(r.out.c_str() + 15, nullptr)));
    }
    const Ran empty = run(scratch, {tiny, "--perplexity", scratch.write("nothing", "")});
    CHECK(empty.status == 1);
    CHECK(empty.err.find("nothing: the file is empty\n") != std::string::npos);
    CHECK(run(scratch, {tiny, "--perplexity", scratch.path("none")}).err.find("none: cannot open the file") != std::string::npos);
#if defined(__linux__)
    if (FILE* full = std::fopen("/dev/full", "wb")) {
        std::string args[] = {"generate", tiny};
        char* argv[] = {&args[0][0], &args[1][0]};
        FILE* err = std::fopen(scratch.path("stderr").c_str(), "wb");
        CHECK(generate::run(2, argv, full, err) == 1);
        std::fclose(full);
        std::fclose(err);
        CHECK(read_file(scratch.path("stderr")).find("generate: the output: cannot be written") != std::string::npos);
    }
#endif
}

TEST_CASE("generate: tokens of a file") {
    const Scratch scratch;
    const std::string tiny = scratch.write("tiny.gguf", Small().file()), hi = scratch.write("hi", "a<1>");
    const std::string nothing = scratch.write("nothing", "");
    const auto b = [](char c) { return " " + std::to_string(3 + c); };
    const std::string space = " 229 153 132";                       // U+2581, a byte at a time
    const Ran plain = run(scratch, {tiny, "--tokenize", hi});
    CHECK(plain.status == 0);
    CHECK(plain.err == "");
    CHECK(plain.out == "1" + space + b('a') + b('<') + b('1') + b('>') + "\n");
    CHECK(run(scratch, {"--tokenize", hi, tiny, "--special"}).out == "1" + space + b('a') + " 1\n");
    CHECK(run(scratch, {tiny, "--no-bos", "--tokenize", hi, "--special"}).out == space.substr(1) + b('a') + " 1\n");
    CHECK(run(scratch, {tiny, "--tokenize", nothing}).out == "1\n");
    CHECK(run(scratch, {tiny, "--no-bos", "--tokenize", nothing}).out == "\n");
    const Ran words = run(scratch, {"tests/data/tokenizers/vocab-gpt-2.gguf", "--tokenize", scratch.write("hello", "Hello world")});
    CHECK(words.out == "419 279 78 393 461\n");

    const Ran none = run(scratch, {tiny, "--tokenize", scratch.path("none")});
    CHECK(none.status == 1);
    CHECK(none.err == "generate: " + scratch.path("none") + ": cannot open the file\n");
    const Ran text = run(scratch, {hi, "--tokenize", hi});
    CHECK(text.status == 1);
    CHECK(text.err.find("not a GGUF file") != std::string::npos);
    const Ran unnamed = run(scratch, {scratch.write("keys", header(0, 0)), "--tokenize", hi});
    CHECK(unnamed.status == 1);
    CHECK(unnamed.err.find("'tokenizer.ggml.model' is missing") != std::string::npos);
    CHECK(run(scratch, {tiny, "-n", "0", "-p", "", "--no-bos"}).err.find("an empty prompt, and no BOS token before") != std::string::npos);
    CHECK(run(scratch, {tiny, "-n", "0", "-p", "<1>", "--no-bos", "--special"}).err.find("prompt: 1 tokens") != std::string::npos);
}

TEST_CASE("generate: options that are wrong are named") {
    const Scratch scratch;
    const std::string m = "m.gguf";
    const struct { std::vector<std::string> args; const char* what; } cases[] = {
        {{}, "no model is named"},
        {{"-n", "3"}, "no model is named"},
        {{""}, "an empty name"},
        {{m, "other"}, "two models, 'm.gguf' and 'other'"},
        {{m, "--foo"}, "unknown option --foo"},
        {{m, "--foo", "3"}, "unknown option --foo"},
        {{"--foo", m}, "unknown option --foo"},
        {{m, "-"}, "unknown option -"},
        {{m, "-n3"}, "unknown option -n3"},
        {{m, "-\x1b[2J"}, "unknown option -\\x1B[2J"},
        {{m, "--importance", "text"}, "--importance without --quantize"},
        {{m, "-p"}, "option -p needs a value"},
        {{m, "-n"}, "option -n needs a value"},
        {{m, "-t"}, "option -t needs a value"},
        {{m, "--temp"}, "option --temp needs a value"},
        {{m, "--top-k"}, "option --top-k needs a value"},
        {{m, "--seed"}, "option --seed needs a value"},
        {{m, "--eval"}, "option --eval needs a value"},
        {{"--quantize", "a", "b"}, "option --quantize needs three values: IN.gguf OUT.gguf TYPE"},
        {{"--quantize", "a", "b", "Q9"}, "option --quantize: the type is 'Q9', where one of these is needed: F32 F16 "},
        {{"--quantize", "a", "b", "AWQ4"}, "option --quantize: the type is 'AWQ4', where one"},
        {{m, "--quantize", "a", "b", "Q8_0"}, "--quantize and a model, 'm.gguf'"},
        {{m, "-p", "x", "-f", "y"}, "-p and -f together"},
        {{m, "--chat", "--info"}, "--chat and --info together"},
        {{m, "--perplexity", "x", "--tokenize", "y"}, "--perplexity and --tokenize together"},
        {{m, "--eval", "1 x"}, "option --eval is '1 x', where a list of token numbers, such as \"1 15 7\", is needed"},
        {{m, "--eval", " , "}, "option --eval is ' , '"},
        {{m, "--eval", "2147483648"}, "option --eval is '2147483648'"},
        {{m, "--cache-type", "f8"}, "option --cache-type is 'f8', where f32, f16, bf16 or q8_0 is needed"},
        {{m, "-b", "0"}, "option -b is '0', where a whole number from 1 to 8192 is needed"},
        {{m, "-c", "0"}, "option -c is '0'"},
        {{m, "--top-p", "1.1"}, "option --top-p is '1.1', where a number from 0 to 1 is needed"},
        {{m, "--min-p", "-1"}, "option --min-p is '-1'"},
        {{m, "--repeat-penalty", "0.9"}, "option --repeat-penalty is '0.9', where a number from 1 to 100 is needed"},
        {{m, "--perplexity"}, "option --perplexity needs a value"},
        {{m, "--tokenize"}, "option --tokenize needs a value"},
        {{m, "--tokenize", m, "--perplexity", m}, "--tokenize and --perplexity together"},
        {{m, "-n", "-1"}, "option -n is '-1', where a whole number from 0 to 4294967295 is needed"},
        {{m, "-n", "4294967296"}, "option -n is '4294967296'"},
        {{m, "-n", "99999999999999999999999"}, "option -n is '9999"},
        {{m, "-n", "many"}, "option -n is 'many'"},
        {{m, "-n", "3x"}, "option -n is '3x'"},
        {{m, "-n", ""}, "option -n is ''"},
        {{m, "-n", "-t", "3"}, "option -n is '-t'"},
        {{m, "-t", "0"}, "option -t is '0', where a whole number from 1 to 1024 is needed"},
        {{m, "-t", "1025"}, "option -t is '1025'"},
        {{m, "-t", "1.5"}, "option -t is '1.5'"},
        {{m, "--temp", "hot"}, "option --temp is 'hot', where a number from 0 to 1000000 is needed"},
        {{m, "--temp", "-0.1"}, "option --temp is '-0.1'"},
        {{m, "--temp", "nan"}, "option --temp is 'nan'"},
        {{m, "--temp", "inf"}, "option --temp is 'inf'"},
        {{m, "--temp", "1e7"}, "option --temp is '1e7'"},
        {{m, "--temp", "0x1"}, "option --temp is '0x1'"},
        {{m, "--temp", ""}, "option --temp is ''"},
        {{m, "--top-k", "-4"}, "option --top-k is '-4'"},
        {{m, "--seed", "18446744073709551616"}, "option --seed is '18446744073709551616'"},
    };
    for (const auto& c : cases) {
        const Ran r = run(scratch, c.args);
        INFO(r.err);
        CHECK(r.status == 1);
        CHECK(r.out == "");
        CHECK(starts(r.err, std::string("generate: ") + c.what));
        CHECK(r.err.find(std::string("\n") + generate::usage) != std::string::npos);
    }
}

TEST_CASE("generate: what is no model file") {
    const Scratch scratch;
    const std::string whole = Small().file();
    const auto refused = [&](const std::string& path, const std::string& what) {
        const Ran r = run(scratch, {path, "-n", "3"});
        CHECK(r.status == 1);
        CHECK(r.out == "");
        CHECK_MESSAGE(starts(r.err, "generate: " + path + ": " + what), r.err);
    };
    refused(scratch.path("none"), "cannot open the file");
    refused(scratch.write("empty", ""), "the file is empty");
    refused(scratch.write("text", "In the beginning"), "not a GGUF file");
    for (size_t n = 4; n + 32 < whole.size(); n += whole.size() / 40) refused(scratch.write("cut", whole.substr(0, n)), "");
    refused(scratch.write("cut", whole.substr(0, whole.size() - 100)), "tensor 'output.weight': 4144 bytes at offset ");
#if defined(__unix__) || defined(__APPLE__)
    const std::string fifo = scratch.path("fifo");
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    alarm(60);                                                      // rather than wait for a writer
    refused(fifo, "not a regular file but a FIFO");
    refused(scratch.dir.string(), "not a regular file but a directory");
    refused("/dev/null", "not a regular file but a device");
    const Ran r = run(scratch, {scratch.write("tiny.gguf", whole), "--perplexity", fifo});
    alarm(0);
    CHECK(r.status == 1);
    CHECK(r.err.find("fifo: not a regular file but a FIFO") != std::string::npos);
#endif
}

#if defined(__linux__)
TEST_CASE("generate: threads") {
    const Scratch scratch;
    const std::string tiny = scratch.write("tiny.gguf", Small().file());
    cpu_set_t all, one;
    REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
    const int count = CPU_COUNT(&all);
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
    const auto told = [](int n) { return ", " + std::to_string(n) + (n > 1 ? " threads; " : " thread; "); };
    CHECK(run(scratch, {tiny, "-n", "2"}).err.find(told(count)) != std::string::npos);
    CHECK(run(scratch, {tiny, "-n", "2", "-t", "3"}).err.find(told(3)) != std::string::npos);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    const Ran bound = run(scratch, {tiny, "-n", "2"});
    REQUIRE(sched_setaffinity(0, sizeof all, &all) == 0);
    CHECK_MESSAGE(bound.err.find(told(1)) != std::string::npos, bound.err);
}
#endif

// ---- what it does beside ------------------------------------------------------------

namespace {

/// A model that says one byte after another as told: of byte b the likeliest successor is next(b).
template <class Next> std::string scripted(const Next& next, const std::string& more_keys = "", uint64_t more = 0) {
    Small s;
    s.width = 264;
    s.half = false;
    std::string file = s.file();
    const size_t matrix = 264 * 259 * 4, vector = 264 * 4, start = file.size() - (matrix + 31) / 32 * 32;
    const auto aligned = [](size_t n) { return (n + 31) / 32 * 32; };
    const size_t first = (file.rfind("output.weight") + 13 + 4 + 2 * 8 + 4 + 8 + 31) / 32 * 32;      // behind the descriptions
    std::fill(file.begin() + static_cast<std::ptrdiff_t>(first), file.end(), '\0');
    const auto put = [&](size_t at, float v) { std::memcpy(&file[at], &v, sizeof v); };
    for (size_t t = 0; t < 259; t++) put(first + (t * 264 + t) * 4, 1);
    for (size_t i = 0; i < 264; i++) put(start - aligned(vector) + i * 4, 1);                       // output_norm
    for (size_t t = 3; t < 259; t++) put(start + (static_cast<size_t>(next(static_cast<int>(t) - 3)) * 264 + t) * 4, 1);
    if (!more) return file;
    uint64_t keys;
    std::memcpy(&keys, &file[16], sizeof keys);
    std::string out = file.substr(0, 16) + raw(keys + more) + more_keys + file.substr(24, first - 24);
    out.resize(aligned(out.size()));
    return out + file.substr(first);
}

/// The last line.
std::string last_line(const std::string& s) {
    const size_t end = s.find_last_not_of('\n');
    return s.substr(s.rfind('\n', end) + 1, end - s.rfind('\n', end));
}
size_t json_number(const std::string& json, const std::string& name) {
    const size_t at = json.find("\"" + name + "\": ");
    REQUIRE_MESSAGE(at != std::string::npos, json);
    return static_cast<size_t>(std::strtoull(json.c_str() + at + name.size() + 4, nullptr, 10));
}

} // namespace

TEST_CASE("generate: turns") {
    const Scratch scratch;
    const std::string hi = "Hi\nUser:";
    const auto next = [&](int b) {                                  // ':' H i \n U s e r ':'
        const size_t at = b == ':' ? std::string::npos : hi.find(static_cast<char>(b));
        return 3 + static_cast<int>(hi[at == std::string::npos ? 0 : (at + 1) % hi.size()]);
    };
    const std::string model = scratch.write("turns.gguf", scripted(next));
    CHECK(run(scratch, {model, "-p", "x:", "-n", "9"}).out == "x:Hi\nUser:H\n");
    const Ran r = run(scratch, {model, "--chat", "--json", "-p", "Be brief."}, -1, "hello\n\nand more\r\n/quit\nnever read\n");
    CHECK_MESSAGE(r.status == 0, r.err);
    CHECK(r.out == "Hi\nHi\n");
    const Loaded m(model);
    const size_t read = m.words.encode("Be brief.\n\nUser: hello\nAssistant:").size() +
        m.words.encode_plain("\nUser: and more\nAssistant:").size();
    const std::string json = last_line(r.err);
    CHECK(json_number(json, "prompt_tokens") == read);              // what was said after the stop is not there any more
    CHECK(json.find("\"end\": \"token\"") != std::string::npos);
    CHECK(run(scratch, {model, "--chat", "-n", "1"}, -1, "a\nb").out == "H\nH\n");
    const Ran full = run(scratch, {model, "--chat", "-c", "60"}, -1, "hello\nand again\n" + std::string(60, 'x') + "\nonce more\n");
    CHECK(full.status == 0);
    CHECK(full.out == "Hi\nHi\nHi\n");
    CHECK(full.err.find("the conversation begins anew") != std::string::npos);
    CHECK(full.err.find(" tokens, for a context of 60)") != std::string::npos);

    if (test::small()) return;                                      // a real model: the same as a text that is continued
    const std::string real = find_model(first_model), opening = "User: Who was king?\nAssistant:";
    const std::string reply = run(scratch, {real, "-p", opening, "-n", "12"}).out.substr(opening.size(), 12);
    const std::string second = opening + reply + "\nUser: And then?\nAssistant:";
    const std::string answer = run(scratch, {real, "-p", second, "-n", "12"}).out.substr(second.size(), 12);
    CHECK(run(scratch, {real, "--chat", "-n", "12"}, -1, "Who was king?\nAnd then?\n").out == reply + "\n" + answer + "\n");
}

TEST_CASE("turns as the templates of common models have them") {
    const struct { const char *vocabulary, *mark, *name; std::vector<std::string> first, later; } cases[] = {
        {"qwen2", "{{'<|im_start|>' + role}}", "chatml", {"<|im_start|>", "<|im_end|>", "<|im_start|>", "<|im_end|>", "<|im_start|>"},
         {"<|im_end|>", "<|im_start|>", "<|im_end|>", "<|im_start|>"}},
        {"llama-bpe", "<|start_header_id|>", "llama-3", {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
         "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"},
         {"<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"}},
        {"gemma", "<start_of_turn>", "gemma", {"<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_turn>"},
         {"<end_of_turn>", "<start_of_turn>", "<end_of_turn>", "<start_of_turn>"}},
        {"phi-3", "<|user|> <|end|>", "phi-3", {"<s>", "<|system|>", "<|end|>", "<|user|>", "<|end|>", "<|assistant|>"},
         {"<|end|>", "<|user|>", "<|end|>", "<|assistant|>"}},
        {"llama", "[INST] <<SYS>>", "llama-2", {"<s>", "[INST]", "[/INST]"}, {"</s>", "<s>", "[INST]", "[/INST]"}},
        {"llama", "[INST]", "mistral", {"<s>", "[INST]", "[/INST]"}, {"</s>", "[INST]", "[/INST]"}},
        {"llama", "<|user|>", "zephyr", {"<s>", "</s>", "</s>"}, {"</s>", "</s>"}},
        {"llama", "nothing known", "plain", {"<s>"}, {}},
    };
    for (const auto& c : cases) {
        INFO(std::string(c.name));
        gguf::File file;
        tokenizer::Tokenizer words;
        REQUIRE(file.open(("tests/data/tokenizers/vocab-" + std::string(c.vocabulary) + ".gguf").c_str()) == "");
        REQUIRE(words.load(file) == "");
        const chat::Template& t = chat::find(c.mark);
        CHECK(std::string(t.name) == c.name);
        const auto controls = [&](const std::vector<int32_t>& ids) {
            std::vector<std::string> names;
            for (int32_t id : ids)
                if (words.piece(id).empty()) names.push_back(std::string(words.piece(id, true)));
            return names;
        };
        const std::string message = "What is it?", evil = "a" + c.first.back() + "b </s> <|im_end|> <end_of_turn>";
        const std::vector<int32_t> first = generate::encode_turn(words, t, "Be brief.", message, true);
        CHECK(controls(first) == c.first);
        CHECK(words.decode(first).find("Be brief.") != std::string::npos);
        CHECK(words.decode(first).find(message) != std::string::npos);
        CHECK(controls(generate::encode_turn(words, t, "", message, false)) == c.later);
        CHECK(controls(generate::encode_turn(words, t, "Be brief.", evil, true)) == c.first);       // what is spelled stays text
        CHECK(controls(generate::encode_turn(words, t, "", evil, false)) == c.later);
        CHECK(words.decode(generate::encode_turn(words, t, "", evil, false)).find("b </s> <|im_end|>") != std::string::npos);
    }
}

TEST_CASE("generate: options that change how, not what") {
    const Scratch scratch;
    const std::string real = find_model(first_model), prompt = scratch.write("prompt", eval_text().substr(0, 150));
    const std::vector<std::string> args = {real, "-f", prompt, "-n", "12"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), args.begin(), args.end());
        return run(scratch, more);
    };
    const Ran plain = with({});
    CHECK_MESSAGE(plain.status == 0, plain.err);
    CHECK(starts(plain.out, eval_text().substr(0, 150)));
    const std::vector<std::string> ways[] = {{"-b", "1"}, {"-b", "64", "-t", "3"}, {"-c", "170"}, {"--json"},
                                             {"--no-pack"}, {"--no-pack", "-b", "1"}, {"--pack", "-b", "64", "-t", "3"}};
    for (const auto& more : ways) CHECK(with(more).out == plain.out);
    CHECK(with({"-c", "151"}).err.find("stopped: the context of 151 tokens is full") != std::string::npos);
    CHECK(with({"-c", "150"}).err.find(prompt + ": 151 tokens, for a context of 150\n") != std::string::npos);
    const std::string json = last_line(with({"--json", "-t", "2", "--cache-type", "q8_0"}).err);
    CHECK(json.front() == '{');
    CHECK(json.back() == '}');
    CHECK(json_number(json, "prompt_tokens") == 151);
    CHECK(json_number(json, "tokens") == 12);
    CHECK(json_number(json, "threads") == 2);
    CHECK(json.find("\"layers\": \"compiled\"") != std::string::npos);
    CHECK(json_number(json, "cache_bytes") < 151 * 4 * 256 * 2);    // bytes: codes and scales of keys and values
    CHECK(json.find("\"cache_type\": \"q8_0\"") != std::string::npos);
    CHECK(run(scratch, {real, "-f", scratch.path("none")}).err.find("none: cannot open the file") != std::string::npos);

    CHECK(json.find("\"precision\": \"exact\"") != std::string::npos);
    CHECK(last_line(with({"--json", "--fast"}).err).find("\"precision\": \"fast\"") != std::string::npos);

    const std::string window = scratch.write("window", eval_text().substr(0, 256));
    const auto bits_of = [&](const std::string& text, const std::vector<std::string>& more) {
        std::vector<std::string> asked = {real, "--perplexity", text};
        asked.insert(asked.end(), more.begin(), more.end());
        return std::strtod(run(scratch, asked).out.c_str() + 15, nullptr);
    };
    const auto bits = [&](const std::vector<std::string>& more) { return bits_of(window, more); };
    const size_t packed = json_number(json, "packed_bytes");
    CHECK(json_number(last_line(with({"--json", "--pack"}).err), "packed_bytes") == packed);
    CHECK(json_number(last_line(with({"--json", "--no-pack"}).err), "packed_bytes") == 0);
    CHECK((packed != 0) == (gllm::CpuKernels<float>().packed_weights_bytes(gllm::QuantType::Q4_K, 16, 256) != 0));
    CHECK((with({"--pack"}).err.find("2.0 MiB packed") != std::string::npos) == (packed != 0));

    const double exact = bits({"--no-pack"}), fast = bits({"--fast"});
    CHECK(std::fabs(bits({"--pack", "-b", "16"}) - exact) < 2e-6);
    CHECK(std::fabs(fast - exact) < 0.02);
    const std::string line_of_text = scratch.write("line", eval_text().substr(0, 40));      // many tokens may go by floats alone
    const bool        one_by_one = bits_of(line_of_text, {"--fast", "-b", "1"}) == bits_of(line_of_text, {"--no-pack", "-b", "1"});
    CHECK(one_by_one == (gllm::CpuKernels<float>().isa() == gllm::Isa::scalar));
    for (const char* type : {"f32", "f16", "bf16", "q8_0"}) {
        const double limit = std::string(type) == "f32" ? 2e-6 : 0.02;
        const std::string line = run(scratch, {real, "--perplexity", window, "--cache-type", type}).out;
        for (const std::string& want : reference("eval"))
            if (first_word(want) == first_model)
                CHECK(std::fabs(std::strtod(line.c_str() + 15, nullptr) - field(want, "nll_window0") / 256 / std::log(2.0)) < limit);
    }
}

TEST_CASE("generate: sampling") {
    const float logits[] = {1, 3, 2, 0, -50};
    const auto shares = [&](sampling::Settings s, std::vector<int32_t> seen = {}) {
        sampling::Sampler sampler(s);
        for (int32_t token : seen) sampler.saw(token);
        std::vector<double> share(5);
        for (int i = 0; i < 20000; i++) share[static_cast<size_t>(sampler.next(logits, 5))] += 1.0 / 20000;
        return share;
    };
    const auto check = [&](const sampling::Settings& s, std::vector<double> weights, std::vector<int32_t> seen = {}) {
        double sum = 0;
        for (double w : weights) sum += w;
        const std::vector<double> share = shares(s, seen);
        for (size_t i = 0; i < 5; i++) {
            CHECK(std::fabs(share[i] - weights[i] / sum) < 0.015);
            CHECK((weights[i] > 0 || share[i] <= 0));
        }
    };
    const double e = std::exp(1.0);
    sampling::Settings s;
    s.temperature = 1;
    check(s, {e, e * e * e, e * e, 1, 0});
    s.top_k = 2;
    check(s, {0, e * e * e, e * e, 0, 0});
    s.top_k = 0;
    s.top_p = 0.9;                                                  // 0.644, 0.881, 0.968
    check(s, {e, e * e * e, e * e, 0, 0});
    s.top_p = 0.88;
    check(s, {0, e * e * e, e * e, 0, 0});
    s.top_p = 0;
    check(s, {0, 1, 0, 0, 0});
    s.top_p = 1;
    s.min_p = 0.1;                                                  // of 1, 0.37, 0.135, 0.0498
    check(s, {e, e * e * e, e * e, 0, 0});
    s.min_p = 0;
    s.temperature = 2;
    check(s, {std::exp(0.5), std::exp(1.5), e, 1, 0});
    s.temperature = 1;
    s.repeat_penalty = 3;                                           // once, however often it was seen
    check(s, {e, e, e * e, 1, 0}, {1, 1, 1});
    s.repeat_last = 2;
    check(s, {std::exp(1 / 3.0), e * e * e, std::exp(2 / 3.0), 1, 0}, {1, 0, 2});
    s.temperature = 0;
    CHECK(shares(s, {1, 0})[2] > 0.999);
    const float bad[] = {1, std::nanf(""), 2};
    CHECK(sampling::Sampler(s).next(bad, 3) == -1);
    s.temperature = 1;
    CHECK(sampling::Sampler(s).next(logits, 5) == sampling::Sampler(s).next(logits, 5));
}

TEST_CASE("generate: --info, --eval") {
    const Scratch scratch;
    const std::string real = find_model(first_model), tiny = scratch.write("tiny.gguf", Small().file());
    const Ran info = run(scratch, {real, "--info"});
    CHECK(info.status == 0);
    for (const char* part : {"4 layers of width 256, feed-forward 768", "8 of 32, 4 of keys and values",
        "f32 4.0 KiB, f16 2.0 KiB, bf16 2.0 KiB, q8_0 1.1 KiB a token",
                             "39 tensors of 3280640 weights", "llama.context_length", "259 x string", "blk.3.ffn_down.weight", "768 x 256"})
        CHECK_MESSAGE(info.out.find(part) != std::string::npos, std::string(part));
    const Ran vocabulary = run(scratch, {"tests/data/tokenizers/vocab-qwen2.gguf", "--info"});
    CHECK(vocabulary.status == 1);
    CHECK(vocabulary.out.find("tokenizer.ggml.pre") != std::string::npos);
    CHECK(vocabulary.err.find("is missing\n") != std::string::npos);
    CHECK(run(scratch, {scratch.write("text", "In the beginning"), "--info"}).err.find("not a GGUF file") != std::string::npos);

    const Ran eval = run(scratch, {tiny, "--eval", "1 5,7\n9", "-c", "6"});
    CHECK_MESSAGE(eval.status == 0, eval.err);
    std::istringstream lines(eval.out);
    std::string line;
    const size_t words[] = {33, 11, 2, 4};                          // of context 6, two more tokens and what follows them
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(std::getline(lines, line));
        CHECK(starts(line, std::string(std::vector<const char*>{"logits ", "best ", "nll ", "greedy "}[i])));
        CHECK(static_cast<size_t>(std::count(line.begin(), line.end(), ' ')) + 1 == words[i]);
    }
    const Ran beyond = run(scratch, {tiny, "--eval", "1 259"});
    CHECK(beyond.err.find("--eval: token 259, of a vocabulary of 259\n") != std::string::npos);
    CHECK(run(scratch, {tiny, "--eval", "1 2 3", "-c", "2"}).err.find("--eval: 3 tokens, for a context of 2\n") != std::string::npos);
    CHECK(run(scratch, {tiny, "-n", "1", "--cache-type", "q8_0"}).err.find("of 32 for Q8_0") != std::string::npos);
}

TEST_CASE("generate: --quantize") {
    const Scratch scratch;
    const std::string real = find_model(first_model), window = scratch.write("window", eval_text().substr(0, 256));
    const std::string to = scratch.path("to.gguf");
    double want = 0;
    for (const std::string& line : reference("eval"))
        if (first_word(line) == first_model) want = field(line, "nll_window0") / 256 / std::log(2.0);
    const struct { const char *type, *types; double limit; } cases[] = {
        {"F16", "F16 x 30, F32 x 9", 0.002}, {"q8_0", "Q8_0 x 30, F32 x 9", 0.01},
        {"Q4_0", "Q4_0 x 28, Q6_K x 1, Q4_K x 1, F32 x 9", 0.08}};
    for (const auto& c : cases) {
        INFO(std::string(c.type));
        const Ran r = run(scratch, {"--quantize", real, to, c.type});
        CHECK_MESSAGE(r.status == 0, r.err);
        CHECK(r.out == "");
        CHECK_MESSAGE(r.err.find(c.types) != std::string::npos, r.err);
        const std::string line = run(scratch, {to, "--perplexity", window}).out;
        CHECK(std::fabs(std::strtod(line.c_str() + 15, nullptr) - want) < c.limit);
        gguf::File a, b;
        REQUIRE(a.open(real.c_str()) == "");
        REQUIRE(b.open(to.c_str()) == "");
        CHECK(a.metadata().size() == b.metadata().size());
        for (const auto& k : a.metadata()) {
            const gguf::Value* v = b.value(k.first);
            REQUIRE(v != nullptr);
            const bool same = k.second.end - k.second.begin == v->end - v->begin && std::equal(k.second.begin, k.second.end, v->begin);
            CHECK_MESSAGE((same || k.first == "general.file_type"), std::string(k.first));
        }
        REQUIRE(a.tensors().size() == b.tensors().size());
        gllm::CpuKernels<float> kernels;
        for (size_t i = 0; i < a.tensors().size(); i++) {
            const gguf::Tensor &t = a.tensors()[i], &u = b.tensors()[i];
            CHECK(t.name == u.name);
            CHECK(t.shape[1] == u.shape[1]);
            if (t.type == u.type) CHECK(std::equal(t.data, t.data + t.bytes, u.data));
            if (t.type == u.type || u.type->storage != gguf::Storage::blocks) continue;
            const size_t n = static_cast<size_t>(t.shape[0] * t.shape[1]);          // the kernels' own blocks of these weights
            std::vector<float> x(n);
            std::vector<unsigned char> blocks(static_cast<size_t>(u.bytes));
            REQUIRE(kernels.dequant(t.type->quant, t.data, x.data(), n));
            REQUIRE(kernels.quantize(u.type->quant, x.data(), n / 256, 256, nullptr, blocks.data()));
            CHECK(std::equal(blocks.begin(), blocks.end(), u.data));
        }
        CHECK(!std::filesystem::exists(to + ".part"));
    }
    const std::string once = read_file(to);
    CHECK(run(scratch, {"--quantize", to, to, "Q4_0"}).status == 0);                // onto itself; nothing is left to change
    CHECK(read_file(to) == once);
    CHECK(run(scratch, {"--quantize", real, scratch.path("no/such/file"), "Q4_0"}).err.find("cannot write '") != std::string::npos);
    CHECK(run(scratch, {"--quantize", real, scratch.path(""), "Q4_0"}).err.find("is a directory") != std::string::npos);
    CHECK(run(scratch, {"--quantize", scratch.path("none"), to, "Q4_0"}).err.find("none: cannot open the file") != std::string::npos);
    std::string bad = Original().bytes;                             // a scale that is no number
    std::memset(&bad[Original().start + 70000], 0xff, 4096);
    const Ran refused = run(scratch, {"--quantize", scratch.write("bad.gguf", bad), scratch.path("new.gguf"), "Q4_0"});
    CHECK(refused.status == 1);
    CHECK_MESSAGE(refused.err.find("bad.gguf: tensor 'blk.0.") != std::string::npos, refused.err);
    CHECK(refused.err.find("must be finite") != std::string::npos);
    CHECK_MESSAGE(refused.err.find("(row ") != std::string::npos, refused.err);
    CHECK(!std::filesystem::exists(scratch.path("new.gguf")));
    CHECK(!std::filesystem::exists(scratch.path("new.gguf.part")));
}

TEST_CASE("generate: --quantize with importance") {
    const Scratch scratch;
    const std::string real = find_model(first_model), to = scratch.path("to.gguf"), text = scratch.write("text", eval_text().substr(0, 700));
    const Ran r = run(scratch, {"--quantize", real, to, "Q4_0", "--importance", text});
    CHECK_MESSAGE(r.status == 0, r.err);

    gguf::File a, b;                                                // the blocks are those of the means of squares
    REQUIRE(a.open(real.c_str()) == "");
    REQUIRE(b.open(to.c_str()) == "");
    model::Source source;
    REQUIRE(source.load(a) == "");
    tokenizer::Tokenizer words;
    REQUIRE(words.load(a) == "");
    quantize::Importance importance;
    gllm::ModelOptions options;
    options.watch = &quantize::Importance::add;
    options.user = &importance;
    model::Session session;
    REQUIRE(session.open(source, options) == "");
    const std::vector<int32_t> all = words.encode_plain(eval_text().substr(0, 700));
    for (size_t at = 0; at < all.size(); at += 511) {
        std::vector<int32_t> tokens(1, words.bos);
        tokens.insert(tokens.end(), all.begin() + std::ptrdiff_t(at), all.begin() + std::ptrdiff_t(std::min(at + 511, all.size())));
        double nats;
        REQUIRE(model::likelihood(session, tokens, nats));
    }
    gllm::CpuKernels<float> kernels;
    size_t weighed = 0;
    for (size_t i = 0; i < a.tensors().size(); i++) {
        const gguf::Tensor &t = a.tensors()[i], &u = b.tensors()[i];
        if (t.type == u.type) continue;
        const size_t k = size_t(t.shape[0]), n = size_t(t.shape[1]);
        std::vector<float> x(n * k);
        std::vector<unsigned char> blocks(size_t(u.bytes)), plain(size_t(u.bytes));
        REQUIRE(kernels.dequant(t.type->quant, t.data, x.data(), n * k));
        const std::vector<float> weight = importance.of(t.data);
        if (t.name == "token_embd.weight") { CHECK(weight.empty()); continue; }
        REQUIRE(weight.size() == k);
        REQUIRE(kernels.quantize(u.type->quant, x.data(), n, k, weight.data(), blocks.data()));
        REQUIRE(kernels.quantize(u.type->quant, x.data(), n, k, nullptr, plain.data()));
        CHECK(std::equal(blocks.begin(), blocks.end(), u.data));
        weighed += blocks != plain;
    }
    CHECK(weighed >= 28);

    const float rows[2][2] = {{1, 2}, {3, -4}};
    quantize::Importance::add(&importance, rows, rows[0], 2, 2);
    CHECK(importance.of(rows) == std::vector<float>{5, 10});
    CHECK(run(scratch, {"--quantize", real, to, "Q4_0", "--importance", scratch.write("empty", "")}).err.find("empty: the file is empty\n") !=
          std::string::npos);
    CHECK(run(scratch, {"--quantize", real, to, "Q4_0", "--importance", scratch.path("none")}).err.find("none: cannot open the file") !=
          std::string::npos);
}

TEST_CASE("generate: every allocation fails") {
    const Scratch scratch;
    Small s;
    s.tied = true;
    const std::string tiny = scratch.write("tiny.gguf", s.file()), text = scratch.write("text", "some words");
    const std::vector<std::string> write = {tiny, "-n", "3", "-t", "2", "--temp", "1"}, measure = {tiny, "-t", "1", "--perplexity", text};
    const std::vector<std::string> tokenize = {tiny, "--tokenize", text}, chat = {tiny, "--chat", "-n", "2", "-t", "1"};
    const std::vector<std::string> quantize = {"--quantize", tiny, scratch.path("to.gguf"), "Q8_0", "-t", "1"};
    const std::string lines = "hello\nand more\n";
    for (const auto& args : {write, measure, tokenize, chat, quantize}) {
        const Ran want = run(scratch, args, -1, lines);
        REQUIRE_MESSAGE(want.status == 0, want.err);
        long failed = 0;
        for (long n = 0;; n += test::small() ? 41 : 1) {
            const Ran r = run(scratch, args, n, lines);
            if (r.status == 0) {
                CHECK(r.out == want.out);
                if (n > 80) break;
                continue;
            }
            failed++;
            CHECK(r.status == 1);
            CHECK_MESSAGE(r.err.find("out of memory\n") != std::string::npos, r.err);
        }
        CHECK(failed > (test::small() ? 1 : 80));
    }
    test::fail_allocations(true);                                   // those of the kernels
    const Ran r = run(scratch, write);
    test::fail_allocations(false);
    CHECK(r.status == 1);
    CHECK(starts(r.err, "generate: " + tiny + ": no memory for "));
}

#if defined(__linux__)
TEST_CASE("generate: files that become shorter") {
    if (test::small()) return;                                      // emulators have ideas of their own about SIGBUS
    const Scratch scratch;
    const std::string model = scratch.write("model.gguf", Original().bytes), text = scratch.write("text", eval_text());
    for (const std::string& victim : {model, text}) {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            FILE* err = fdopen(ends[1], "wb");
            FILE* out = std::fopen("/dev/null", "wb");
            std::setvbuf(err, nullptr, _IONBF, 0);
            std::string args[] = {"generate", model, "--perplexity", text};
            char* argv[] = {&args[0][0], &args[1][0], &args[2][0], &args[3][0]};
            _exit(err && out ? generate::run(4, argv, out, err) : 7);
        }
        close(ends[1]);
        std::string told;
        bool cut = false;
        char c;
        while (read(ends[0], &c, 1) == 1) {
            told += c;
            if (c == '\n' && !cut) cut = truncate(victim.c_str(), 0) == 0;           // it is at work now
        }
        close(ends[0]);
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 1);
        CHECK_MESSAGE(told.find("generate: " + victim + ": the file became shorter") != std::string::npos, told);
        scratch.write("model.gguf", Original().bytes);
    }
}
#endif
