// generate: continues a text with a llama model from a GGUF file, or measures how well the model predicts one.
// SPDX-License-Identifier: MIT

#define GLLM_KERNELS_IMPLEMENTATION
#define GLLM_KERNELS_THREADS
#include "gllm_kernels.hpp"
#include "llama.hpp"

#include <chrono>
#include <thread>
#include <stdlib.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

namespace {

const char usage[] =
    "usage: generate MODEL.gguf [-p PROMPT] [-n N] [-t THREADS] [--temp T] [--top-k K] [--seed S]\n"
    "       generate MODEL.gguf --perplexity FILE [-t THREADS]\n"
    "  -p PROMPT          text to continue (In the beginning)\n"
    "  -n N               tokens to write (128)\n"
    "  -t THREADS         1 to 1024 (the machine's, at most 8)\n"
    "  --temp T           temperature; 0 takes the likeliest token each time (0)\n"
    "  --top-k K          sample among the K likeliest; 0 among all (40)\n"
    "  --seed S           of the sampling (1)\n"
    "  --perplexity FILE  bits per byte of FILE, in windows of 256 bytes\n";

struct Options {
    const char* model = nullptr;
    const char* prompt = "In the beginning";
    const char* perplexity = nullptr;
    uint64_t count = 128, threads = 0, top_k = 40, seed = 1;
    double temperature = 0;
};

bool parse_count(const char* text, uint64_t low, uint64_t high, uint64_t& out) {
    uint64_t n = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        const uint64_t digit = static_cast<uint64_t>(*text - '0');
        if (n > (UINT64_MAX - digit) / 10) return false;
        n = n * 10 + digit;
    }
    out = n;
    return n >= low && n <= high;
}

bool parse_real(const char* text, double& out) {
    char* end;
    out = strtod(text, &end);
    return end != text && !*end && out >= 0 && out <= 1e6;
}

bool parse_options(int argc, char** argv, Options& o) {
    for (int i = 1; i < argc; i++) {
        const std::string_view name = argv[i];
        if (name.empty() || name[0] != '-') {
            if (o.model || name.empty()) return false;
            o.model = argv[i];
            continue;
        }
        if (++i == argc) return false;
        const char* value = argv[i];
        bool good = true;
        if (name == "-p") o.prompt = value;
        else if (name == "-n") good = parse_count(value, 0, UINT32_MAX, o.count);
        else if (name == "-t") good = parse_count(value, 1, 1024, o.threads);
        else if (name == "--temp") good = parse_real(value, o.temperature);
        else if (name == "--top-k") good = parse_count(value, 0, UINT32_MAX, o.top_k);
        else if (name == "--seed") good = parse_count(value, 0, UINT64_MAX, o.seed);
        else if (name == "--perplexity") o.perplexity = value;
        else good = false;
        if (!good) return false;
    }
    return o.model != nullptr;
}

/// PCG32: 64 bits of state, 32 of output.
struct Random {
    uint64_t state;
    explicit Random(uint64_t seed) : state(seed + 1442695040888963407u) { next(); }
    uint32_t next() {
        const uint64_t s = state;
        state = s * 6364136223846793005u + 1442695040888963407u;
        const uint32_t mixed = static_cast<uint32_t>((s >> 18 ^ s) >> 27), turn = static_cast<uint32_t>(s >> 59);
        return mixed >> turn | mixed << (32 - turn) % 32;
    }
    double uniform() { return next() * (1.0 / 4294967296.0); }      // [0, 1)
};

/// The next token: the likeliest at temperature 0, else drawn from softmax(logits / temperature) over the top k.
/// -1 if the logits are not finite, as corrupt weights make them.
int32_t sample(const std::vector<float>& logits, const Options& o, Random& random) {
    for (float v : logits)
        if (!isfinite(v)) return -1;
    const auto best = std::max_element(logits.begin(), logits.end());
    if (o.temperature <= 0) return static_cast<int32_t>(best - logits.begin());

    std::vector<int32_t> ids(logits.size());
    for (size_t i = 0; i < ids.size(); i++) ids[i] = static_cast<int32_t>(i);
    const size_t kept = o.top_k && o.top_k < ids.size() ? static_cast<size_t>(o.top_k) : ids.size();
    const auto logit = [&](int32_t id) { return logits[static_cast<size_t>(id)]; };
    std::partial_sort(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(kept), ids.end(),
                      [&](int32_t a, int32_t b) { return logit(a) != logit(b) ? logit(a) > logit(b) : a < b; });
    std::vector<double> upto(kept);                                 // cumulative weights
    double sum = 0;
    for (size_t i = 0; i < kept; i++) upto[i] = sum += exp(static_cast<double>(logit(ids[i]) - *best) / o.temperature);
    const double at = random.uniform() * sum;
    return ids[std::min(kept - 1, static_cast<size_t>(std::upper_bound(upto.begin(), upto.end(), at) - upto.begin()))];
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void report(const char* what, size_t tokens, double seconds) {
    const double rate = static_cast<double>(tokens) / std::max(seconds, 1e-9);
    fprintf(stderr, "%s: %zu tokens, %.1f tokens per second\n", what, tokens, rate);
}

int fail(const char* subject, const std::string& what) {
    fflush(stdout);
    fprintf(stderr, "generate: %s: %s\n", subject, what.c_str());
    return 1;
}

int generate(llama::Model& model, const llama::Vocabulary& words, const Options& o) {
    const std::vector<int32_t> prompt = words.encode(o.prompt);
    if (prompt.empty()) return fail("-p", "an empty prompt, and a model that starts with no BOS token");
    if (prompt.size() > model.context)
        return fail("-p", std::to_string(prompt.size()) + " tokens, for a context of " + std::to_string(model.context));
    std::vector<float> logits(model.vocabulary);
    Random random(o.seed);

    fputs(o.prompt, stdout);
    fflush(stdout);
    auto start = std::chrono::steady_clock::now();
    gllm::Status status = model.eval(prompt.data(), prompt.size(), logits.data(), 1);
    if (!status) return fail("-p", status.what);
    const double prompt_seconds = seconds_since(start);

    start = std::chrono::steady_clock::now();
    size_t written = 0;
    bool full = false;
    while (written < o.count) {
        const int32_t token = sample(logits, o, random);
        if (token < 0) return fail(o.model, "the logits are not finite: its weights are corrupt");
        if (token == words.eos) break;
        const std::string& piece = words.piece(token);
        fwrite(piece.data(), 1, piece.size(), stdout);
        fflush(stdout);
        full = ++written < o.count && model.position() == model.context;
        if (written == o.count || full) break;
        status = model.eval(&token, 1, logits.data(), 1);
        if (!status) return fail(o.model, status.what);
    }
    const double seconds = seconds_since(start);
    fputs("\n", stdout);
    fflush(stdout);
    if (full) fprintf(stderr, "\nstopped: the context of %zu tokens is full", model.context);
    fputs("\n", stderr);
    report("prompt", prompt.size(), prompt_seconds);
    report("generation", written, seconds);
    return 0;
}

int perplexity(llama::Model& model, const llama::Vocabulary& words, const Options& o) {
    gguf::Mapping text;
    const std::string error = text.open(o.perplexity);
    if (!error.empty()) return fail(o.perplexity, error);
    if (text.size() == 0) return fail(o.perplexity, "the file is empty");

    const std::string_view all(reinterpret_cast<const char*>(text.data()), text.size());
    const auto start = std::chrono::steady_clock::now();
    double nats = 0;
    size_t windows = 0;
    for (size_t at = 0; at < all.size(); at += llama::window_bytes, windows++) {
        double more;
        const gllm::Status status = llama::likelihood(model, words, all.substr(at, llama::window_bytes), more);
        if (!status) return fail(o.perplexity, status.what);
        nats += more;
    }
    if (!isfinite(nats)) return fail(o.model, "the logits are not finite: its weights are corrupt");
    const double bytes = static_cast<double>(all.size());
    fprintf(stderr, "%zu bytes in %zu windows, %.4f nats, %.0f bytes per second\n", all.size(), windows, nats,
            bytes / std::max(seconds_since(start), 1e-9));
    printf("bits per byte: %.6f\n", nats / bytes / log(2.0));
    return 0;
}

} // namespace

int main(int argc, char** argv) {
#ifdef _WIN32
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
        fputs(usage, stdout);
        return 0;
    }
    Options o;
    if (!parse_options(argc, argv, o)) {
        fputs(usage, stderr);
        return 1;
    }
    gguf::File file;
    llama::Vocabulary words;
    llama::Model model;
    std::string error = file.open(o.model);
    if (error.empty()) error = model.load(file);
    if (error.empty()) error = words.load(file);
    if (error.empty() && words.size() != model.vocabulary)
        error = "tensor 'token_embd.weight' has " + std::to_string(model.vocabulary) + " rows for " +
                std::to_string(words.size()) + " tokens";
    if (!error.empty()) return fail(o.model, error);

    const unsigned machine = std::max(1u, std::thread::hardware_concurrency());
    const unsigned threads = o.threads ? static_cast<unsigned>(o.threads) : std::min(machine, 8u);
    gllm::ThreadPool pool(threads);
    model.set_parallel(pool.parallel());
    fprintf(stderr, "isa %s, %u thread%s; %s\n", gllm::isa_name(model.isa()), threads, threads > 1 ? "s" : "",
            gguf::type_summary(file).c_str());
    return o.perplexity ? perplexity(model, words, o) : generate(model, words, o);
}
