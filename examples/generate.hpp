// generate.hpp: the program generate, as a function whose outputs can be caught; generate.cpp is its main().
//
//   int status = generate::run(argc, argv, o.out, o.err);        // 0, or 1 after a message
//
// Whatever is wrong, with the command line, a file or the memory, becomes one line of the second stream.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_GENERATE_HPP
#define GLLM_EXAMPLES_GENERATE_HPP

#ifndef GLLM_KERNELS_THREADS
#define GLLM_KERNELS_THREADS
#endif
#include "llama.hpp"

#include <stdlib.h>
#include <atomic>
#include <chrono>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <signal.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace generate {

// ---- the command line -----------------------------------------------------------

constexpr char usage[] =
    "usage: generate MODEL.gguf [-p PROMPT] [-n N] [-t THREADS] [--temp T] [--top-k K] [--seed S]\n"
    "       generate MODEL.gguf --perplexity FILE [-t THREADS]\n"
    "       generate MODEL.gguf --tokenize FILE [--special] [--no-bos]\n"
    "  -p PROMPT          text to continue (In the beginning)\n"
    "  -n N               tokens to write (128)\n"
    "  -t THREADS         1 to 1024 (as many as it may run on)\n"
    "  --temp T           temperature; 0 takes the likeliest token each time (0)\n"
    "  --top-k K          sample among the K likeliest; 0 among all (40)\n"
    "  --seed S           of the sampling (1)\n"
    "  --special          control tokens spelled in the prompt or FILE are those tokens\n"
    "  --no-bos           no BOS before the prompt or FILE, no EOS after FILE\n"
    "  --perplexity FILE  bits per byte of FILE, in windows of 256 bytes\n"
    "  --tokenize FILE    the tokens of FILE, on one line; a vocabulary alone will do as MODEL\n";

constexpr unsigned max_threads = 1024;

struct Options {
    const char* model = nullptr;
    const char* prompt = "In the beginning";
    const char* perplexity = nullptr;
    const char* tokenize = nullptr;
    uint64_t count = 128, threads = 0, top_k = 40, seed = 1;
    double temperature = 0;
    bool help = false, special = false, no_bos = false;
    FILE* out = nullptr;
    FILE* err = nullptr;
};

inline bool parse_count(const char* text, uint64_t low, uint64_t high, uint64_t& out) {
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

inline bool parse_real(const char* text, double low, double high, double& out) {
    char* end;
    out = strtod(text, &end);
    return end != text && !*end && strspn(text, "0123456789.eE+-") == strlen(text) && out >= low && out <= high;
}

/// What is wrong with the command line, or an empty string.
inline std::string parse_options(int argc, char** argv, Options& o) {
    for (int i = 1; i < argc; i++) {
        const std::string name = argv[i];
        if (name == "-h" || name == "--help") {
            o.help = true;
            return std::string();
        }
        if (name.empty() || name[0] != '-') {
            if (name.empty()) return "an empty name of a model";
            if (o.model) return "two models, " + gguf::quoted(o.model) + " and " + gguf::quoted(name);
            o.model = argv[i];
            continue;
        }
        if (name == "--special" || name == "--no-bos") {
            (name == "--special" ? o.special : o.no_bos) = true;
            continue;
        }
        const bool last = i + 1 == argc;
        const char* const value = last ? "" : argv[i + 1];
        std::string wrong;
        const auto count = [&](uint64_t low, uint64_t high, uint64_t& out) {
            if (!parse_count(value, low, high, out)) wrong = "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
        };
        if (name == "-p") o.prompt = value;
        else if (name == "--perplexity") o.perplexity = value;
        else if (name == "--tokenize") o.tokenize = value;
        else if (name == "-n") count(0, UINT32_MAX, o.count);
        else if (name == "-t") count(1, max_threads, o.threads);
        else if (name == "--top-k") count(0, UINT32_MAX, o.top_k);
        else if (name == "--seed") count(0, UINT64_MAX, o.seed);
        else if (name == "--temp") { if (!parse_real(value, 0, 1e6, o.temperature)) wrong = "a number from 0 to 1000000"; }
        else return "unknown option " + gguf::printable(name);
        if (last) return "option " + name + " needs a value";
        if (!wrong.empty()) return "option " + name + " is " + gguf::quoted(value) + ", where " + wrong + " is needed";
        i++;
    }
    if (o.perplexity && o.tokenize) return "--perplexity and --tokenize together";
    return o.model ? std::string() : "no model is named";
}

/// The CPUs that this process may run on.
inline unsigned usable_threads() {
    unsigned n = std::thread::hardware_concurrency();
#if defined(__linux__)
    cpu_set_t cpus[16];                                             // 16384 of them
    if (sched_getaffinity(0, sizeof cpus, cpus) == 0) n = static_cast<unsigned>(CPU_COUNT_S(sizeof cpus, cpus));
#endif
    return std::min(std::max(n, 1u), max_threads);
}

// ---- files that shrink ----------------------------------------------------------

#if defined(__unix__) || defined(__APPLE__)
/// While one of these is alive, touching a page that a mapped file has lost ends the process with a message and status 1.
class Watch {
public:
    Watch(const gguf::Mapping& file, const char* name, FILE* err) : file_(file), name_(name), err_(fileno(err)), next_(first()) {
        first() = this;
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = lost;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGBUS, &action, &before_);
    }
    ~Watch() {
        sigaction(SIGBUS, &before_, nullptr);
        first() = next_;
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

private:
    static Watch*& first() { static Watch* head = nullptr; return head; }
    static void lost(int, siginfo_t* info, void*) {
        const uintptr_t at = reinterpret_cast<uintptr_t>(info->si_addr);
        for (const Watch* w = first(); w; w = w->next_) {
            if (at - reinterpret_cast<uintptr_t>(w->file_.data()) >= w->file_.size()) continue;
            static std::atomic_flag told = ATOMIC_FLAG_INIT;        // other threads may be here as well
            while (told.test_and_set()) pause();
            const char* const parts[] = {"\ngenerate: ", w->name_, ": the file became shorter while it was in use, or its disk fails\n"};
            for (const char* part : parts)
                if (write(w->err_, part, strlen(part)) < 0) break;
            _exit(1);
        }
        signal(SIGBUS, SIG_DFL);                                    // none of ours: once more, to the usual end
    }

    const gguf::Mapping& file_;
    const char* const name_;
    const int err_;
    Watch* const next_;
    struct sigaction before_;
};
#else
struct Watch { Watch(const gguf::Mapping&, const char*, FILE*) {} };   // mapped files cannot shrink
#endif

// ---- sampling -------------------------------------------------------------------

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
inline int32_t sample(const std::vector<float>& logits, const Options& o, Random& random) {
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

inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// ---- the things it does ---------------------------------------------------------

inline void report(const Options& o, const char* what, size_t tokens, double seconds) {
    const double rate = static_cast<double>(tokens) / std::max(seconds, 1e-9);
    fprintf(o.err, "%s: %zu tokens, %.1f tokens per second\n", what, tokens, rate);
}

inline int fail(const Options& o, const char* subject, const std::string& what) {
    fflush(o.out);
    fprintf(o.err, "generate: %s: %s\n", subject, what.c_str());
    return 1;
}

/// Did all that was written so far arrive?
inline bool arrived(const Options& o) { return fflush(o.out) == 0 && !ferror(o.out); }
inline int fail_to_write(const Options& o) { return fail(o, "the output", "cannot be written"); }

inline int write_text(llama::Model& model, const tokenizer::Tokenizer& words, const Options& o) {
    std::vector<int32_t> prompt = words.encode(o.prompt, !o.no_bos, o.special);
    if (!o.no_bos && words.add_eos && words.eos >= 0) prompt.pop_back();            // the text goes on
    if (prompt.empty()) return fail(o, "-p", "an empty prompt, and no BOS token before it");
    if (prompt.size() > model.context)
        return fail(o, "-p", std::to_string(prompt.size()) + " tokens, for a context of " + std::to_string(model.context));
    std::vector<float> logits(model.vocabulary);
    Random random(o.seed);

    fputs(o.prompt, o.out);
    if (!arrived(o)) return fail_to_write(o);
    auto start = std::chrono::steady_clock::now();
    gllm::Status status = model.eval(prompt.data(), prompt.size(), logits.data(), 1);
    if (!status) return fail(o, "-p", status.what);
    const double prompt_seconds = seconds_since(start);

    start = std::chrono::steady_clock::now();
    tokenizer::Stream stream;
    size_t written = 0;
    bool full = false;
    while (written < o.count) {
        const int32_t token = sample(logits, o, random);
        if (token < 0) return fail(o, o.model, "the logits are not finite: its weights are corrupt");
        if (words.is_end(token)) break;
        const std::string text = stream.add(words.piece(token));
        fwrite(text.data(), 1, text.size(), o.out);
        if (!arrived(o)) return fail_to_write(o);
        full = ++written < o.count && model.position() == model.context;
        if (written == o.count || full) break;
        status = model.eval(&token, 1, logits.data(), 1);
        if (!status) return fail(o, o.model, status.what);
    }
    const double seconds = seconds_since(start);
    const std::string rest = stream.rest() + "\n";
    fwrite(rest.data(), 1, rest.size(), o.out);
    if (!arrived(o)) return fail_to_write(o);
    if (full) fprintf(o.err, "\nstopped: the context of %zu tokens is full", model.context);
    fputs("\n", o.err);
    report(o, "prompt", prompt.size(), prompt_seconds);
    report(o, "generation", written, seconds);
    return 0;
}

inline int measure(llama::Model& model, const tokenizer::Tokenizer& words, const gguf::Mapping& text, const Options& o) {
    const std::string_view all(reinterpret_cast<const char*>(text.data()), text.size());
    const auto start = std::chrono::steady_clock::now();
    double nats = 0;
    size_t windows = 0;
    for (size_t at = 0; at < all.size(); at += llama::window_bytes, windows++) {
        double more;
        const gllm::Status status = llama::likelihood(model, words, all.substr(at, llama::window_bytes), more);
        if (!status) return fail(o, o.perplexity, status.what);
        nats += more;
    }
    if (!isfinite(nats)) return fail(o, o.model, "the logits are not finite: its weights are corrupt");
    const double bytes = static_cast<double>(all.size());
    fprintf(o.err, "%zu bytes in %zu windows, %.4f nats, %.0f bytes per second\n", all.size(), windows, nats,
            bytes / std::max(seconds_since(start), 1e-9));
    fprintf(o.out, "bits per byte: %.6f\n", nats / bytes / log(2.0));
    if (!arrived(o)) return fail_to_write(o);
    return 0;
}

/// All bytes of a file or pipe.
inline std::string read_text(const char* path, std::string& text) {
    FILE* file = fopen(path, "rb");
    if (!file) return "cannot open the file";
    char part[1 << 14];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) text.append(part, n);
    const bool failed = ferror(file) != 0;
    fclose(file);
    return failed ? "cannot read the file" : "";
}

inline int tokenize(const Options& o) {
    std::string text;
    std::string error = read_text(o.tokenize, text);
    if (!error.empty()) return fail(o, o.tokenize, error);
    gguf::File file;
    const Watch watch(file.mapping(), o.model, o.err);
    tokenizer::Tokenizer words;
    error = file.open(o.model);
    if (error.empty()) error = words.load(file);
    if (!error.empty()) return fail(o, o.model, error);
    const std::vector<int32_t> ids = words.encode(text, !o.no_bos, o.special);
    for (size_t i = 0; i < ids.size(); i++) fprintf(o.out, i ? " %ld" : "%ld", static_cast<long>(ids[i]));
    fputs("\n", o.out);
    return arrived(o) ? 0 : fail_to_write(o);
}

// ---- the program ----------------------------------------------------------------

inline int run_options(const Options& o) {
    if (o.tokenize) return tokenize(o);
    gguf::Mapping text;
    const Watch watch_text(text, o.perplexity, o.err);
    std::string error = o.perplexity ? text.open(o.perplexity) : std::string();
    if (!error.empty()) return fail(o, o.perplexity, error);

    gguf::File file;
    const Watch watch_file(file.mapping(), o.model, o.err);
    tokenizer::Tokenizer words;
    llama::Model model;
    error = file.open(o.model);
    if (error.empty()) error = model.load(file);
    if (error.empty()) error = words.load(file);
    if (error.empty() && words.size() != model.vocabulary)
        error = "tensor 'token_embd.weight' has " + std::to_string(model.vocabulary) + " rows for " +
                std::to_string(words.size()) + " tokens";
    if (!error.empty()) return fail(o, o.model, error);

    gllm::ThreadPool pool(o.threads ? static_cast<unsigned>(o.threads) : usable_threads());
    const gllm::Parallel parallel = pool.parallel();
    const unsigned threads = std::max(parallel.width, 1u);
    model.set_parallel(parallel);
    fprintf(o.err, "isa %s, %u thread%s; %s\n", gllm::isa_name(model.isa()), threads, threads > 1 ? "s" : "",
            gguf::type_summary(file).c_str());
    return o.perplexity ? measure(model, words, text, o) : write_text(model, words, o);
}

inline int run(int argc, char** argv, FILE* out, FILE* err) try {
    Options o;
    o.out = out;
    o.err = err;
    const std::string wrong = parse_options(argc, argv, o);
    if (!wrong.empty()) fprintf(err, "generate: %s\n", wrong.c_str());
    if (o.help || !wrong.empty()) fputs(usage, o.help ? out : err);
    return !wrong.empty() ? 1 : o.help ? 0 : run_options(o);
} catch (const std::exception&) {                                   // bad_alloc or its like: nothing else throws here
    fflush(out);
    fputs("generate: out of memory\n", err);
    return 1;
}

} // namespace generate

#endif // GLLM_EXAMPLES_GENERATE_HPP
