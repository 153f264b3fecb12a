// generate.hpp: the program generate, as a function whose streams can be caught; generate.cpp is its main().
//
//   int status = generate::run(argc, argv, stdout, stderr);        // 0, or 1 after a message
//
// Text goes to the first stream, whole characters at a time; figures, progress and messages to the second. Whatever is wrong, with
// the command line, a file or the memory, becomes one line of the second stream.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_GENERATE_HPP
#define GLLM_EXAMPLES_GENERATE_HPP

#ifndef GLLM_KERNELS_THREADS
#define GLLM_KERNELS_THREADS
#endif
#include "chat.hpp"
#include "describe.hpp"
#include "model.hpp"
#include "quantize.hpp"
#include "sampling.hpp"
#include "tokenizer.hpp"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <atomic>
#include <chrono>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(_WIN32)
#include <io.h>
#endif

namespace generate {

// ---- the command line -----------------------------------------------------------

constexpr char usage[] =
    "usage: generate MODEL.gguf [-p PROMPT | -f FILE] [options]     continues a text\n"
    "       generate MODEL.gguf --chat [-p SYSTEM] [options]        takes turns; /quit or end of input ends them\n"
    "       generate MODEL.gguf --perplexity FILE | --tokenize FILE | --eval \"IDS\" | --info\n"
    "       generate --quantize IN.gguf OUT.gguf TYPE [--importance FILE]\n"
    "  -p PROMPT          text to continue (In the beginning); with --chat what the model is told first\n"
    "  -f FILE            the same from a file\n"
    "  -n N               tokens to write (128; with --chat as many as there is room for)\n"
    "  -c CONTEXT         positions (those of the file, at most 4096)\n"
    "  -b BATCH           tokens of a prompt that are read together, 1 to 8192 (256)\n"
    "  -t THREADS         1 to 1024 (as many as it may run on)\n"
    "  --cache-type TYPE  of keys and values: f32, f16, bf16 or q8_0 (f32)\n"
    "  --fast             products of quantised weights with 8 bits of their input, as other programs do; else exact\n"
    "  --pack, --no-pack  weights once more in memory, as this CPU likes them, if it has such a form; by itself where caches hold them\n"
    "  --temp T           temperature; 0 takes the likeliest token each time (0)\n"
    "  --top-k K          sample among the K likeliest; 0 among all (40)\n"
    "  --top-p P          among the likeliest that together have this probability (1)\n"
    "  --min-p P          among those at least P times as likely as the likeliest (0)\n"
    "  --repeat-penalty R makes the last tokens less likely, from 1 on (1)\n"
    "  --repeat-last-n N  how many those are (64)\n"
    "  --seed S           of the sampling (1)\n"
    "  --special          control tokens spelled in the prompt or FILE are those tokens\n"
    "  --no-bos           no BOS before the prompt or FILE, no EOS after FILE\n"
    "  --perplexity FILE  bits per byte of FILE, in windows of 256 bytes\n"
    "  --tokenize FILE    the tokens of FILE, on one line; a vocabulary alone will do as MODEL\n"
    "  --eval \"IDS\"       logits after these tokens, the best, their mean -ln p, 16 tokens that follow; no vocabulary is needed\n"
    "  --info             what the file holds; exit status 1 where it does not run as a model\n"
    "  --quantize         IN again with matrices of TYPE: F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K ...\n"
    "  --importance FILE  errors count by what the model makes of the text of FILE; a few thousand words will do\n"
    "  --json             figures as one JSON object, the last line of the second stream\n";

constexpr unsigned max_threads = 1024;

enum class Mode { text, chat, perplexity, tokenize, eval, info, quantize };

struct Options {
    Mode mode = Mode::text;
    const char* mode_name = nullptr;                                // the option that chose it
    const char* model = nullptr;
    const char* prompt = nullptr;
    const char* prompt_file = nullptr;
    const char* file = nullptr;                                     // of --perplexity and --tokenize; IN
    const char* to = nullptr;                                       // OUT
    const char* ids = nullptr;
    const char* importance = nullptr;
    const gguf::Type* type = nullptr;
    uint64_t count = UINT64_MAX, context = 0, batch = 256, threads = 0;
    gllm::CacheType cache = gllm::CacheType::f32;
    const char* cache_name = "f32";
    sampling::Settings how;
    bool help = false, special = false, no_bos = false, json = false, fast = false, pack = false, no_pack = false;
    FILE* out = nullptr;
    FILE* err = nullptr;
    FILE* in = nullptr;
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

inline bool parse_ids(std::string_view text, std::vector<int32_t>& ids) {
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find_first_of(" ,\n\t\r", at), text.size());
        uint64_t id;
        if (end > at) {
            if (!parse_count(std::string(text.substr(at, end - at)).c_str(), 0, INT32_MAX, id)) return false;
            ids.push_back(static_cast<int32_t>(id));
        }
        at = end + 1;
    }
    return !ids.empty();
}

inline bool parse_cache(const char* text, Options& o) {
    static const struct { const char* name; gllm::CacheType type; } types[] = {
        {"f32", gllm::CacheType::f32}, {"f16", gllm::CacheType::f16}, {"bf16", gllm::CacheType::bf16}, {"q8_0", gllm::CacheType::Q8_0}};
    for (const auto& t : types)
        if (strcmp(text, t.name) == 0) {
            o.cache = t.type;
            o.cache_name = t.name;
            return true;
        }
    return false;
}

/// What is wrong with the command line, or an empty string.
inline std::string parse_options(int argc, char** argv, Options& o) {
    std::string wrong;
    const auto choose = [&](Mode mode, const char* name) {
        if (o.mode_name && o.mode != mode) wrong = std::string(o.mode_name) + " and " + name + " together";
        o.mode = mode;
        o.mode_name = name;
    };
    for (int i = 1; i < argc; i++) {
        const std::string name = argv[i];
        if (name == "-h" || name == "--help") {
            o.help = true;
            return std::string();
        }
        if (name.empty() || name[0] != '-') {
            if (name.empty()) return "an empty name of a model";
            if (o.model) return "two models, " + gguf::quoted(o.model) + " and " + gguf::quoted(name) + "; -p comes before a prompt";
            o.model = argv[i];
            continue;
        }
        bool flag = true;
        if (name == "--special") o.special = true;
        else if (name == "--no-bos") o.no_bos = true;
        else if (name == "--json") o.json = true;
        else if (name == "--fast") o.fast = true;
        else if (name == "--pack") o.pack = true;
        else if (name == "--no-pack") o.no_pack = true;
        else if (name == "--chat") choose(Mode::chat, argv[i]);
        else if (name == "--info") choose(Mode::info, argv[i]);
        else flag = false;
        if (flag && !wrong.empty()) return wrong;
        if (flag) continue;

        const int values = name == "--quantize" ? 3 : 1;
        const bool few = argc - i <= values;
        const char* const value = few ? "" : argv[i + 1];
        std::string needed;
        const auto count = [&](uint64_t low, uint64_t high, uint64_t& out) {
            if (!parse_count(value, low, high, out)) needed = "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
        };
        const auto real = [&](const char* low, const char* high, double& out) {
            if (!parse_real(value, atof(low), atof(high), out)) needed = std::string("a number from ") + low + " to " + high;
        };
        if (name == "-p") o.prompt = value;
        else if (name == "-f") o.prompt_file = value;
        else if (name == "-n") count(0, UINT32_MAX, o.count);
        else if (name == "-c") count(1, INT32_MAX >> 3, o.context);
        else if (name == "-b") count(1, 8192, o.batch);
        else if (name == "-t") count(1, max_threads, o.threads);
        else if (name == "--cache-type") { if (!parse_cache(value, o)) needed = "f32, f16, bf16 or q8_0"; }
        else if (name == "--temp") real("0", "1000000", o.how.temperature);
        else if (name == "--top-k") count(0, UINT32_MAX, o.how.top_k);
        else if (name == "--top-p") real("0", "1", o.how.top_p);
        else if (name == "--min-p") real("0", "1", o.how.min_p);
        else if (name == "--repeat-penalty") real("1", "100", o.how.repeat_penalty);
        else if (name == "--repeat-last-n") count(0, 1000000, o.how.repeat_last);
        else if (name == "--seed") count(0, UINT64_MAX, o.how.seed);
        else if (name == "--perplexity") choose(Mode::perplexity, argv[i]), o.file = value;
        else if (name == "--tokenize") choose(Mode::tokenize, argv[i]), o.file = value;
        else if (name == "--quantize") choose(Mode::quantize, argv[i]), o.file = value;
        else if (name == "--importance") o.importance = value;
        else if (name == "--eval") {
            std::vector<int32_t> ids;
            choose(Mode::eval, argv[i]);
            o.ids = value;
            if (!parse_ids(value, ids)) needed = "a list of token numbers, such as \"1 15 7\",";
        } else return "unknown option " + gguf::printable(name);
        if (few) return "option " + name + (values == 1 ? " needs a value" : " needs three values: IN.gguf OUT.gguf TYPE");
        if (!needed.empty()) return "option " + name + " is " + gguf::quoted(value) + ", where " + needed + " is needed";
        if (!wrong.empty()) return wrong;
        if (name == "--quantize") {
            o.to = argv[i + 2];
            o.type = quantize::find_type(argv[i + 3]);
            if (!o.type)
                return "option --quantize: the type is " + gguf::quoted(argv[i + 3]) + ", where one of these is needed: " +
                    quantize::type_names();
        }
        i += values;
    }
    if (o.prompt && o.prompt_file) return "-p and -f together";
    if (o.importance && o.mode != Mode::quantize) return "--importance without --quantize";
    if (o.mode == Mode::quantize) return o.model ? "--quantize and a model, " + gguf::quoted(o.model) : std::string();
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

// ---- the terminal ---------------------------------------------------------------

inline bool is_terminal(FILE* file) {
#if defined(_WIN32)
    return _isatty(_fileno(file)) != 0;
#elif defined(__unix__) || defined(__APPLE__)
    return isatty(fileno(file)) != 0;
#else
    return (void)file, false;
#endif
}

/// While one of these is alive Ctrl-C raises a flag. A second one, when the first was not heeded, ends the program.
class Interrupt {
public:
    Interrupt() : before_(set(raised)) { flag() = 0; }
    ~Interrupt() { set(before_); }
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;
    static volatile sig_atomic_t& flag() { static volatile sig_atomic_t raised_flag = 0; return raised_flag; }

private:
    using Handler = void (*)(int);
    static void raised(int) {
        if (flag()) {
            set(SIG_DFL);
            raise(SIGINT);
        }
        flag() = 1;
        set(raised);
    }
    static Handler set(Handler handler) {
#if defined(__unix__) || defined(__APPLE__)
        struct sigaction action, before;                            // waiting for a line ends as well
        memset(&action, 0, sizeof action);
        action.sa_handler = handler;
        return sigaction(SIGINT, &action, &before) == 0 ? before.sa_handler : SIG_DFL;
#else
        return signal(SIGINT, handler);
#endif
    }
    const Handler before_;
};

/// One line of the second stream that changes, where that is a terminal.
class Progress {
public:
    explicit Progress(FILE* err) : err_(is_terminal(err) ? err : nullptr) {}
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void show(const std::string& text) {
        if (!err_) return;
        const size_t before = shown_;
        shown_ = text.size();
        fprintf(err_, "\r%s%*s", text.c_str(), before > shown_ ? static_cast<int>(before - shown_) : 0, "");
        fflush(err_);
    }
    void clear() {
        if (shown_) fprintf(err_, "\r%*s\r", static_cast<int>(shown_), "");
        shown_ = 0;
    }

private:
    FILE* const err_;
    size_t shown_ = 0;
};

// ---- figures --------------------------------------------------------------------

inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Json {
public:
    void add(const char* key, double x) {
        char text[32];
        snprintf(text, sizeof text, "%.9g", x);
        put(key, isfinite(x) ? text : "null");
    }
    void add(const char* key, size_t n) { put(key, std::to_string(n)); }
    void add(const char* key, std::string_view text) {
        std::string quoted = "\"";
        for (char c : text) {
            char escape[8];
            if (c == '"' || c == '\\') (quoted += '\\') += c;
            else if (static_cast<unsigned char>(c) >= 0x20) quoted += c;
            else quoted += (snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c)), escape);
        }
        put(key, quoted + "\"");
    }
    void print(FILE* to) const { fprintf(to, "{%s}\n", text_.c_str()); }

private:
    void put(const char* key, const std::string& value) { text_ += (text_.empty() ? "\"" : ", \"") + std::string(key) + "\": " + value; }
    std::string text_;
};

enum class End { token, count, context, interrupt };
inline const char* end_name(End end) {
    static const char* const names[] = {"token", "count", "context", "interrupt"};
    return names[static_cast<int>(end)];
}

struct Figures {
    size_t prompt = 0, written = 0;
    double prompt_seconds = 0, seconds = 0;
    End end = End::count;
};

inline int fail(const Options& o, const char* subject, const std::string& what) {
    fflush(o.out);
    fprintf(o.err, "generate: %s: %s\n", subject, what.c_str());
    return 1;
}

/// Did all that was written so far arrive?
inline bool arrived(const Options& o) { return fflush(o.out) == 0 && !ferror(o.out); }
inline int fail_to_write(const Options& o) { return fail(o, "the output", "cannot be written"); }

// ---- reading and writing tokens -------------------------------------------------

/// What the layers of a model are, where the header has the graph compiler and where it has not.
#ifdef GLLM_KERNELS_COMPILER
constexpr char layers_are[] = "compiled";
inline std::string compile(model::Session& session) { return session.compile(); }
#else
constexpr char layers_are[] = "called";
inline std::string compile(model::Session&) { return std::string(); }
#endif

/// A model of a file, ready to run.
struct Loaded {
    gguf::File file;
    model::Source source;
    model::Session session;
    tokenizer::Tokenizer words;
    gllm::ThreadPool pool;
    Json json;

    explicit Loaded(const Options& o) : pool(o.threads ? static_cast<unsigned>(o.threads) : usable_threads()) {}
    std::string open(const Options& o, bool vocabulary) {
        std::string error = file.open(o.model);
        if (error.empty()) error = source.load(file, static_cast<size_t>(o.context));
        if (error.empty() && vocabulary) error = words.load(file);
        const size_t rows = source.config.vocabulary;
        if (error.empty() && vocabulary && words.size() != rows)
            error = "tensor 'token_embd.weight' has " + std::to_string(rows) + " rows for " + std::to_string(words.size()) + " tokens";
        return error;
    }
    static constexpr size_t held_by_caches = size_t(32) << 20;      // bytes of a file, on CPUs that have a packed form
    /// For a sequence of so many tokens, or of the whole context.
    std::string start(const Options& o, size_t tokens) {
        gllm::ModelOptions options;
        options.parallel = pool.parallel();
        options.batch = static_cast<size_t>(o.batch);
        options.pack = o.pack || (!o.no_pack && file.mapping().size() <= held_by_caches);
        if (o.fast) options.precision = gllm::Precision::fast;
        const char* const precision = o.fast ? "fast" : "exact";
        std::string error = session.open(source, options, o.cache, tokens);
        if (error.empty()) error = compile(session);
        if (!error.empty()) return error;
        const unsigned threads = std::max(options.parallel.width, 1u);
        const std::string types = gguf::type_summary(file);
        const std::string packed = session.packed_bytes()
            ? "; " + describe::size(static_cast<double>(session.packed_bytes())) + " packed" : std::string();
        fprintf(o.err, "isa %s, %s, layers %s, %u thread%s; %s%s\n", gllm::isa_name(options.isa), precision, layers_are,
                threads, threads > 1 ? "s" : "", types.c_str(), packed.c_str());
        json.add("model", o.model);
        json.add("isa", gllm::isa_name(options.isa));
        json.add("precision", precision);
        json.add("threads", static_cast<size_t>(threads));
        json.add("layers", layers_are);
        json.add("types", types);
        json.add("packed_bytes", session.packed_bytes());
        json.add("context", session.context());
        json.add("cache_type", o.cache_name);
        json.add("cache_bytes", session.cache_bytes());
        return error;
    }
};

/// The tokens of a prompt, after which the text goes on.
inline std::vector<int32_t> encode_prompt(const tokenizer::Tokenizer& words, std::string_view text, bool bos, bool special) {
    std::vector<int32_t> ids = words.encode(text, bos, special);
    if (bos && words.add_eos && words.eos >= 0) ids.pop_back();
    return ids;
}

/// Puts tokens into a sequence, and text out of it.
class Speaker {
public:
    Speaker(Loaded& m, const Options& o) : m_(m), o_(o), sampler_(o.how), logits_(m.session.vocabulary()) {}
    Figures figures;
    /// Tokens that the sequence has, and one that is still to join it.
    size_t position() const { return m_.session.position() + pending_.size(); }
    void restart() {
        m_.session.reset();
        pending_.clear();
        sampler_.forget();
    }

    /// What is wrong, or an empty string. Ctrl-C ends it between batches.
    std::string read(std::vector<int32_t> tokens) {
        const auto start = std::chrono::steady_clock::now();
        Progress progress(o_.err);
        tokens.insert(tokens.begin(), pending_.begin(), pending_.end());
        pending_.clear();
        for (int32_t token : tokens) sampler_.saw(token);
        for (size_t at = 0, n; at < tokens.size() && !Interrupt::flag(); at += n) {
            const size_t left = tokens.size() - at, most = static_cast<size_t>(o_.batch), parts = (left + most - 1) / most;
            n = (left + parts - 1) / parts;                         // parts as equal as can be
            if (at > 0) progress.show("reading: " + std::to_string(at) + " of " + std::to_string(tokens.size()) + " tokens");
            const gllm::Status s = m_.session.eval(&tokens[at], n, logits_.data(), at + n == tokens.size());
            if (!s) return m_.session.why(s);
            figures.prompt += n;
        }
        figures.prompt_seconds += seconds_since(start);
        return std::string();
    }

    /// Writes at most `count` tokens, up to one that ends the text or to the text `stop`, if that is not empty.
    std::string speak(uint64_t count, std::string_view stop) {
        const auto start = std::chrono::steady_clock::now();
        const size_t begin = position();
        std::string text, error;
        std::vector<size_t> ends;                                   // of each token, in the text
        size_t shown = 0, held = 0;                                 // held: bytes that may begin the stop
        tokenizer::Stream stream;
        figures.end = End::count;
        for (uint64_t written = 0; written < count && error.empty();) {
            if (Interrupt::flag()) { figures.end = End::interrupt; break; }
            const int32_t token = sampler_.next(logits_.data(), logits_.size());
            if (token < 0) error = "the logits are not finite: its weights are corrupt";
            if (token < 0) break;
            figures.end = End::token;
            if (m_.words.is_end(token)) break;
            text += m_.words.piece(token);
            ends.push_back(text.size());
            const size_t stopped = stop.empty() ? std::string::npos : text.find(stop, shown);
            held = 0;
            for (size_t n = std::min(stop.size(), text.size() - shown); n > 0 && !held; n--)
                if (text.compare(text.size() - n, n, stop.substr(0, n)) == 0) held = n;
            const size_t to = stopped != std::string::npos ? stopped : text.size() - held;
            put(stream.add(std::string_view(text).substr(shown, to - shown)));
            shown = to;
            figures.written++;
            if (!arrived(o_)) break;
            if (stopped != std::string::npos) {                     // the tokens of the stop go
                const auto kept = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), stopped) - ends.begin());
                m_.session.truncate(begin + kept);
                break;
            }
            sampler_.saw(token);
            pending_.assign(1, token);
            figures.end = End::count;
            if (++written == count) break;
            figures.end = End::context;
            if (m_.session.position() == m_.session.context()) break;
            const gllm::Status s = m_.session.eval(&token, 1, logits_.data(), 1);
            if (!s) error = m_.session.why(s);
            else pending_.clear();
            figures.end = End::count;
        }
        if (figures.end != End::token) put(stream.add(std::string_view(text).substr(shown)));
        put(stream.rest());
        figures.seconds += seconds_since(start);
        return error;
    }

    void report() {
        if (o_.json) {
            Json& json = m_.json;
            json.add("prompt_tokens", figures.prompt);
            json.add("prompt_seconds", figures.prompt_seconds);
            json.add("tokens", figures.written);
            json.add("seconds", figures.seconds);
            json.add("end", end_name(figures.end));
            json.print(o_.err);
            return;
        }
        rate("prompt", figures.prompt, figures.prompt_seconds);
        rate("generation", figures.written, figures.seconds);
    }

private:
    void put(std::string_view text) { fwrite(text.data(), 1, text.size(), o_.out); }
    void rate(const char* what, size_t tokens, double seconds) {
        fprintf(o_.err, "%s: %zu tokens, %.1f tokens per second\n", what, tokens, static_cast<double>(tokens) / std::max(seconds, 1e-9));
    }

    Loaded& m_;
    const Options& o_;
    sampling::Sampler sampler_;
    std::vector<float> logits_;                                     // after the last token
    std::vector<int32_t> pending_;                                  // written and not yet in the sequence
};

/// All bytes of a file or pipe.
inline std::string read_text(const char* path, std::string& text) {
    FILE* file = fopen(path, "rb");
    if (!file) return "cannot open the file";
    char part[1 << 14];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) text.append(part, n);
    const std::string error = ferror(file) ? std::string("cannot read the file: ") + strerror(errno) : std::string();
    fclose(file);
    return error;
}

// ---- the things it does ---------------------------------------------------------

inline int write_text(Loaded& m, const std::string& text, const Options& o) {
    const char* const from = o.prompt_file ? o.prompt_file : "-p";
    const std::vector<int32_t> prompt = encode_prompt(m.words, text, !o.no_bos, o.special);
    const size_t context = m.source.config.context, most = std::min(context, prompt.size());
    if (prompt.empty()) return fail(o, from, "an empty prompt, and no BOS token before it");
    if (prompt.size() > context)
        return fail(o, from, std::to_string(prompt.size()) + " tokens, for a context of " + std::to_string(context));
    const uint64_t count = o.count == UINT64_MAX ? 128 : o.count;
    std::string error = m.start(o, most + static_cast<size_t>(std::min<uint64_t>(count, context)));
    if (!error.empty()) return fail(o, o.model, error);

    Speaker speaker(m, o);
    error = speaker.read(prompt);
    if (!error.empty()) return fail(o, from, error);
    fwrite(text.data(), 1, text.size(), o.out);
    if (!arrived(o)) return fail_to_write(o);
    error = speaker.speak(count, "");
    fputs("\n", o.out);
    if (!arrived(o)) return fail_to_write(o);
    if (!error.empty()) return fail(o, o.model, error);
    if (speaker.figures.end == End::context) fprintf(o.err, "\nstopped: the context of %zu tokens is full", context);
    fputs("\n", o.err);
    speaker.report();
    return 0;
}

/// The next line without its end; false at the end of input. Ctrl-C begins a new line.
inline bool read_line(const Options& o, std::string& line) {
    line.clear();
    for (;;) {
        char part[1024];
        if (fgets(part, sizeof part, o.in)) {
            line += part;
            if (line.back() != '\n') continue;
            while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
            return true;
        }
        if (!Interrupt::flag() || feof(o.in)) return !line.empty();
        Interrupt::flag() = 0;
        clearerr(o.in);
        line.clear();
        fputs("\n> ", o.out);
        fflush(o.out);
    }
}

/// The tokens of a turn. Control tokens are those of the template, not what a message spells.
inline std::vector<int32_t> encode_turn(const tokenizer::Tokenizer& words, const chat::Template& t, std::string_view system,
                                        std::string_view message, bool first) {
    const std::string before = first ? "" : t.reply_after;
    if (*t.stop) return first ? encode_prompt(words, chat::open(t, system, message, first), true, false)
                              : words.encode_plain(before + chat::open(t, system, message, first));
    if (words.encode(message, false, true) == words.encode(message, false, false))
        return encode_prompt(words, before + chat::open(t, system, message, first), first, true);
    std::string head = before + chat::open(t, system, "", first);
    head.resize(head.size() - strlen(t.user_after));
    std::vector<int32_t> ids = encode_prompt(words, head, first, true);
    for (const std::vector<int32_t>& more : {words.encode_plain(message), words.encode(t.user_after, false, true)})
        ids.insert(ids.end(), more.begin(), more.end());
    return ids;
}

inline int converse(Loaded& m, const std::string& system, const Options& o) {
    const chat::Template& t = chat::find(m.file.text("tokenizer.chat_template"));
    std::string error = m.start(o, 0), message;
    if (!error.empty()) return fail(o, o.model, error);
    const size_t context = m.session.context();
    Speaker speaker(m, o);
    if (is_terminal(o.in)) fprintf(o.err, "turns as of %s; /quit or the end of input ends them, Ctrl-C a reply\n", t.name);
    for (;;) {
        if (is_terminal(o.in)) fputs("> ", o.out);
        if (!arrived(o)) return fail_to_write(o);
        if (!read_line(o, message) || message == "/quit") break;
        if (message.empty()) continue;
        std::vector<int32_t> turn = encode_turn(m.words, t, system, message, speaker.position() == 0);
        if (speaker.position() > 0 && speaker.position() + turn.size() >= context) {
            fputs("(the context is full: the conversation begins anew)\n", o.err);
            speaker.restart();
            turn = encode_turn(m.words, t, system, message, true);
        }
        if (turn.size() >= context) {
            fprintf(o.err, "(%zu tokens, for a context of %zu)\n", turn.size(), context);
            continue;
        }
        error = speaker.read(turn);
        if (error.empty()) error = speaker.speak(o.count, t.stop);
        fputs("\n", o.out);
        if (!arrived(o)) return fail_to_write(o);
        if (!error.empty()) return fail(o, o.model, error);
        Interrupt::flag() = 0;
    }
    fputs("\n", o.err);
    speaker.report();
    return 0;
}

/// Bytes that perplexity is measured on from one empty sequence, which begins with BOS.
constexpr size_t window_bytes = 256;

inline gllm::Status likelihood(model::Session& session, const tokenizer::Tokenizer& words, std::string_view text, double& nats) try {
    std::vector<int32_t> tokens = words.encode_plain(text);
    nats = 0;
    if (tokens.empty()) return {gllm::Code::ok, ""};
    if (words.bos < 0) return {gllm::Code::unsupported, "the vocabulary has no BOS token to predict the first token from"};
    tokens.insert(tokens.begin(), words.bos);
    return model::likelihood(session, tokens, nats);
} catch (const std::exception&) {                                   // bad_alloc or its like
    return {gllm::Code::out_of_memory, "out of memory"};
}

inline int measure(Loaded& m, const gguf::Mapping& text, const Options& o) {
    const std::string error = m.start(o, 1 + 3 * window_bytes);     // a byte that is no text may take three tokens
    if (!error.empty()) return fail(o, o.model, error);
    const std::string_view all(reinterpret_cast<const char*>(text.data()), text.size());
    const auto start = std::chrono::steady_clock::now();
    Progress progress(o.err);
    double nats = 0;
    size_t windows = 0, done = 0;
    for (; done < all.size() && !Interrupt::flag(); windows++) {
        double more;
        const gllm::Status status = likelihood(m.session, m.words, all.substr(done, window_bytes), more);
        if (!status) return fail(o, o.file, m.session.why(status));
        nats += more;
        done = std::min(done + window_bytes, all.size());
        progress.show("measured: " + std::to_string(done) + " of " + std::to_string(all.size()) + " bytes");
    }
    progress.clear();
    if (!isfinite(nats)) return fail(o, o.model, "the logits are not finite: its weights are corrupt");
    const double bytes = static_cast<double>(done), seconds = std::max(seconds_since(start), 1e-9);
    const double bits = nats / std::max(bytes, 1.0) / log(2.0);
    if (!o.json) fprintf(o.err, "%zu bytes in %zu windows, %.4f nats, %.0f bytes per second\n", done, windows, nats, bytes / seconds);
    fprintf(o.out, "bits per byte: %.6f\n", bits);
    if (!arrived(o)) return fail_to_write(o);
    if (!o.json) return 0;
    m.json.add("bytes", done);
    m.json.add("windows", windows);
    m.json.add("nats", nats);
    m.json.add("bits_per_byte", bits);
    m.json.add("seconds", seconds);
    m.json.print(o.err);
    return 0;
}

/// The lines of a reference: logits, best, nll, greedy.
inline int evaluate(Loaded& m, const Options& o) {
    constexpr size_t greedy = 16;
    std::vector<int32_t> ids;
    parse_ids(o.ids, ids);
    const size_t context = m.source.config.context, vocabulary = m.source.config.vocabulary;
    for (int32_t id : ids)
        if (static_cast<size_t>(id) >= vocabulary)
            return fail(o, "--eval", "token " + std::to_string(id) + ", of a vocabulary of " + std::to_string(vocabulary));
    if (ids.size() > context) return fail(o, "--eval", std::to_string(ids.size()) + " tokens, for a context of " + std::to_string(context));
    const std::string error = m.start(o, ids.size() + greedy);
    if (!error.empty()) return fail(o, o.model, error);
    const auto start = std::chrono::steady_clock::now();
    double nats = 0;
    std::vector<float> logits(vocabulary);
    gllm::Status s = model::likelihood(m.session, ids, nats);       // of all but the last
    if (s) s = m.session.eval(&ids.back(), 1, logits.data(), 1);
    if (!s) return fail(o, "--eval", m.session.why(s));

    fputs("logits", o.out);
    for (size_t i = 0; i < std::min<size_t>(32, vocabulary); i++) fprintf(o.out, " %.6f", static_cast<double>(logits[i]));
    std::vector<size_t> order(vocabulary);
    for (size_t i = 0; i < vocabulary; i++) order[i] = i;
    const size_t best = std::min<size_t>(10, vocabulary);
    std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(best), order.end(),
                      [&](size_t a, size_t b) { return logits[a] > logits[b] || (!(logits[b] > logits[a]) && a < b); });
    fputs("\nbest", o.out);
    for (size_t i = 0; i < best; i++) fprintf(o.out, " %zu:%.6f", order[i], static_cast<double>(logits[order[i]]));
    fprintf(o.out, "\nnll %.8f\ngreedy", nats / std::max(static_cast<double>(ids.size() - 1), 1.0));
    for (size_t i = 0; i < greedy; i++) {
        const int32_t token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
        fprintf(o.out, " %ld", static_cast<long>(token));
        if (i + 1 == greedy || m.session.position() == context) break;
        s = m.session.eval(&token, 1, logits.data(), 1);
        if (!s) return fail(o, o.model, m.session.why(s));
    }
    fputs("\n", o.out);
    if (!arrived(o)) return fail_to_write(o);
    if (!o.json) return 0;
    m.json.add("tokens", ids.size());
    m.json.add("seconds", seconds_since(start));
    m.json.print(o.err);
    return 0;
}

inline int tokenize(const Options& o) {
    std::string text;
    std::string error = read_text(o.file, text);
    if (!error.empty()) return fail(o, o.file, error);
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

inline int inform(const Options& o) {
    gguf::File file;
    const Watch watch(file.mapping(), o.model, o.err);
    std::string error = file.open(o.model);
    if (error.empty()) error = describe::print(file, o.model, o.out);
    if (!arrived(o)) return fail_to_write(o);
    return error.empty() ? 0 : fail(o, o.model, error);
}

/// What the matrices of the model are used with, on a text.
inline std::string gather(Loaded& m, const Options& o, std::string_view text, Progress& progress, quantize::Importance& importance) {
    constexpr size_t window = 512;
    gllm::ModelOptions options;
    options.parallel = m.pool.parallel();
    options.watch = &quantize::Importance::add;
    options.user = &importance;
    std::string error = m.session.open(m.source, options, o.cache, window);
    const std::vector<int32_t> all = m.words.encode_plain(text);
    const size_t bos = m.words.bos >= 0, step = std::min(window, m.source.config.context) - bos;
    for (size_t at = 0; at < all.size() && error.empty() && !Interrupt::flag(); at += step) {
        progress.show("read: " + std::to_string(at) + " of " + std::to_string(all.size()) + " tokens");
        std::vector<int32_t> tokens(bos, m.words.bos);
        for (size_t i = at; i < std::min(at + step, all.size()); i++) tokens.push_back(all[i]);
        double nats;
        const gllm::Status s = model::likelihood(m.session, tokens, nats);
        if (!s) error = m.session.why(s);
        else if (!isfinite(nats)) error = "the logits are not finite: its weights are corrupt";
    }
    return error.empty() && !importance.whole() ? "out of memory" : error;
}

inline int requantize(Options o) {
    Loaded m(o);
    gguf::File out;
    std::string text;
    std::string error = o.importance ? read_text(o.importance, text) : std::string();
    if (error.empty() && o.importance && text.empty()) error = "the file is empty";
    if (!error.empty()) return fail(o, o.importance, error);
    const Watch watch(m.file.mapping(), o.file, o.err);
    o.model = o.file;
    error = o.importance ? m.open(o, true) : m.file.open(o.file);
    if (!error.empty()) return fail(o, o.file, error);
    Progress progress(o.err);
    const auto start = std::chrono::steady_clock::now();
    const size_t all = m.file.tensors().size(), bytes = m.file.mapping().size();
    quantize::Importance importance;
    if (o.importance) error = gather(m, o, text, progress, importance);
    if (error.empty())
        error = quantize::convert(m.file, o.to, *o.type, m.pool.parallel(), [&](size_t i) {
            const std::string name = gguf::printable(m.file.tensors()[i].name);
            progress.show("tensor " + std::to_string(i + 1) + " of " + std::to_string(all) + ": " + name);
            return !Interrupt::flag();
        }, importance);
    progress.clear();
    if (!error.empty()) return fail(o, o.file, error);
    error = out.open(o.to);
    if (!error.empty()) return fail(o, o.to, error);
    const double seconds = seconds_since(start);
    if (o.json) {
        Json json;
        json.add("model", o.file);
        json.add("to", o.to);
        json.add("types", gguf::type_summary(out));
        json.add("bytes_in", bytes);
        json.add("bytes", out.mapping().size());
        json.add("seconds", seconds);
        json.print(o.err);
    } else {
        fprintf(o.err, "%s: %s of %s; %s; %.2f seconds\n", o.to, describe::size(static_cast<double>(out.mapping().size())).c_str(),
                describe::size(static_cast<double>(bytes)).c_str(), gguf::type_summary(out).c_str(), seconds);
    }
    return 0;
}

// ---- the program ----------------------------------------------------------------

inline int run_options(const Options& o) {
    const Interrupt interrupt;
    if (o.mode == Mode::tokenize) return tokenize(o);
    if (o.mode == Mode::info) return inform(o);
    if (o.mode == Mode::quantize) return requantize(o);

    gguf::Mapping text;
    const bool perplexity = o.mode == Mode::perplexity;
    const Watch watch_text(text, o.file, o.err);
    std::string prompt = o.prompt ? o.prompt : o.mode == Mode::text ? "In the beginning" : "";
    std::string error = perplexity ? text.open(o.file) : std::string();
    if (!error.empty()) return fail(o, o.file, error);
    if (o.prompt_file) {
        prompt.clear();
        error = read_text(o.prompt_file, prompt);
        if (!error.empty()) return fail(o, o.prompt_file, error);
    }
    Loaded m(o);
    const Watch watch_file(m.file.mapping(), o.model, o.err);
    error = m.open(o, o.mode != Mode::eval);
    if (!error.empty()) return fail(o, o.model, error);
    return perplexity ? measure(m, text, o) : o.mode == Mode::eval ? evaluate(m, o) : o.mode == Mode::chat ? converse(m, prompt, o) :
           write_text(m, prompt, o);
}

inline int run(int argc, char** argv, FILE* out, FILE* err, FILE* in = stdin) try {
    Options o;
    o.out = out;
    o.err = err;
    o.in = in;
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
