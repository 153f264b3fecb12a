// embed: a model inside a frame loop, as a game would have it. Each frame does a bounded amount of work; text appears as it comes; two
// characters talk at once, from one scene that was read once; one of them is interrupted. Threads and memory are the game's.
//
//   build/embed [MODEL.gguf]
//
// The part between the lines needs no exceptions; reading files and vocabularies, in main(), does.
// SPDX-License-Identifier: MIT
#include <stddef.h>
#include <atomic>

static std::atomic<size_t> allocations{0};
static void* game_malloc(size_t bytes);
static void game_free(void* p);
#define GLLM_KERNELS_MALLOC(bytes) game_malloc(bytes)
#define GLLM_KERNELS_FREE(p)       game_free(p)
#define GLLM_KERNELS_IMPLEMENTATION
#define GLLM_KERNELS_MODEL
#include "gllm_kernels.hpp"

#include "model.hpp"
#include "sampling.hpp"
#include "tokenizer.hpp"

#include <stdlib.h>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

// -----------------------------------------------------------------------------------

static void* game_malloc(size_t bytes) { allocations++; return malloc(bytes); }
static void game_free(void* p) { free(p); }

/// The game's threads: tasks 0 .. tasks - 1 of one job at a time, shared with the caller.
class Jobs {
public:
    explicit Jobs(unsigned helpers) { while (helpers--) threads_.emplace_back([this] { help(); }); }
    ~Jobs() {
        { const std::lock_guard<std::mutex> lock(mutex_); quit_ = true; }
        wake_.notify_all();
        for (std::thread& t : threads_) t.join();
    }
    gllm::Parallel parallel() { return {static_cast<unsigned>(threads_.size()) + 1, this, run}; }

private:
    static void run(void* pool, unsigned tasks, void (*task)(void* arg, unsigned i), void* arg) {
        Jobs& j = *static_cast<Jobs*>(pool);
        std::unique_lock<std::mutex> lock(j.mutex_);
        j.task_ = task, j.arg_ = arg, j.next_ = 0, j.tasks_ = j.left_ = tasks;
        j.wake_.notify_all();
        j.work(lock);
        j.done_.wait(lock, [&] { return j.left_ == 0; });
    }
    void work(std::unique_lock<std::mutex>& lock) {
        while (next_ < tasks_) {
            const unsigned i = next_++;
            lock.unlock();
            task_(arg_, i);
            lock.lock();
            if (--left_ == 0) done_.notify_all();
        }
    }
    void help() {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            wake_.wait(lock, [&] { return quit_ || next_ < tasks_; });
            if (quit_) return;
            work(lock);
        }
    }
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> threads_;
    void (*task_)(void* arg, unsigned i) = nullptr;
    void* arg_ = nullptr;
    unsigned next_ = 0, tasks_ = 0, left_ = 0;
    bool quit_ = false;
};

/// Several conversations with one model, a few tokens of each a frame.
class Talk {
public:
    static constexpr size_t voices = 2, frame_tokens = 8;           // tokens of a prompt that a voice reads in a frame

    gllm::Status init(const gllm::ModelConfig& config, const gllm::ModelWeights& weights, const gllm::Parallel& parallel) {
        gllm::ModelOptions options;
        options.parallel = parallel;
        options.batch = voices * frame_tokens;
        if (gllm::Status s = model_.init(config, weights, options); !s) return s;
        gllm::KvCacheConfig cache = model_.cache_config(config.context, gllm::CacheType::f16, voices);
        cache.pages = cache.pages * 3 / 4;                          // what the voices share is there once
        cache.allocate = [](void*, size_t bytes) { return game_malloc(bytes); };
        cache.release = [](void*, void* p) { game_free(p); };
        if (gllm::Status s = cache_.init(cache); !s) return s;
        logits_.resize(voices * config.vocabulary);
        batch_.reserve(options.batch);
        return {gllm::Code::ok, ""};
    }

    /// Puts words into a voice's context, to be read during the next frames; if it is to answer, it then speaks that many tokens.
    void say(uint32_t voice, const std::vector<int32_t>& tokens, size_t answer) {
        Voice& v = voice_[voice];
        v.input.insert(v.input.end(), tokens.begin(), tokens.end());
        v.answer = answer;
    }
    void cancel(uint32_t voice) {
        voice_[voice].input.clear();
        voice_[voice].answer = 0;
    }
    /// `to` knows all that `from` does, and shares the memory of it.
    gllm::Status fork(uint32_t from, uint32_t to) { return cache_.fork(from, to, cache_.length(from)); }
    bool busy(uint32_t voice) const { return !voice_[voice].input.empty() || voice_[voice].answer > 0; }
    gllm::KvStats memory() const { return cache_.stats(); }

    /// One frame's work. heard(voice, token) is called for what the voices say.
    template <class F> gllm::Status frame(const F& heard) {
        batch_.clear();
        for (uint32_t i = 0; i < voices; i++) {
            Voice& v = voice_[i];
            const size_t n = std::min(frame_tokens, v.input.size());
            for (size_t t = 0; t < n; t++) batch_.push_back({v.input[t], i, t + 1 == n && n == v.input.size() && v.answer > 0});
            v.input.erase(v.input.begin(), v.input.begin() + static_cast<ptrdiff_t>(n));
        }
        if (gllm::Status s = model_.decode(cache_, {batch_.data(), batch_.size()}, logits_.data()); !s) return s;
        const float* logits = logits_.data();
        for (const gllm::BatchToken& t : batch_) {
            if (!t.logits) continue;
            Voice& v = voice_[t.seq];
            const int32_t token = v.sampler.next(logits, model_.config().vocabulary);
            logits += model_.config().vocabulary;
            if (token < 0) return {gllm::Code::runtime_error, "the logits are not finite"};
            if (--v.answer > 0) v.input.push_back(token);
            heard(t.seq, token);                                    // and may cancel or say more
        }
        return {gllm::Code::ok, ""};
    }

private:
    static sampling::Settings lively() {
        sampling::Settings s;
        s.temperature = 0.7;
        s.top_p = 0.9;
        return s;
    }
    struct Voice {
        std::vector<int32_t> input;                                 // not yet read
        size_t answer = 0;                                          // tokens to say after it
        sampling::Sampler sampler{lively()};
    };
    gllm::Model model_;
    gllm::KvCache cache_;
    Voice voice_[voices];
    std::vector<gllm::BatchToken> batch_;
    std::vector<float> logits_;
};

// -----------------------------------------------------------------------------------

int main(int argc, char** argv) {
    const char* const path = argc > 1 ? argv[1] : "examples/model/kjv-mixed.gguf";
    gguf::File file;
    model::Source source;
    tokenizer::Tokenizer words;
    std::string error = file.open(path);
    if (error.empty()) error = source.load(file, 256);
    if (error.empty()) error = words.load(file);
    if (!error.empty()) return fprintf(stderr, "embed: %s: %s\n", path, error.c_str()), 1;

    Jobs jobs(1);
    Talk talk;
    gllm::Status status = talk.init(source.config, source.weights, jobs.parallel());
    const size_t before = allocations;
    std::string said[Talk::voices];
    const char* const begins[] = {"And the king said, ", "But the people answered, "};
    talk.say(0, words.encode("Now it came to pass in those days, that there was a famine in the land.\n"), 0);

    enum { reading, talking, over } scene = reading;
    int frames = 0;
    double longest = 0;
    for (; status && scene != over; frames++) {
        const auto start = std::chrono::steady_clock::now();
        status = talk.frame([&](uint32_t voice, int32_t token) { said[voice] += words.piece(token); });     // the game would draw it
        if (status && scene == reading && !talk.busy(0)) {          // the scene is read: both voices go on from it
            status = talk.fork(0, 1);
            for (uint32_t v = 0; v < 2; v++) talk.say(v, words.encode_plain(begins[v]), 90);
            scene = talking;
        }
        if (said[1].size() > 40) talk.cancel(1);                    // somebody interrupts
        if (scene == talking && !talk.busy(0) && !talk.busy(1)) scene = over;
        longest = std::max(longest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    if (!status) return fprintf(stderr, "embed: %s\n", status.what), 1;
    for (uint32_t v = 0; v < 2; v++) printf("%s%s%s\n", begins[v], said[v].c_str(), v ? " -" : "");
    const gllm::KvStats stats = talk.memory();
    fprintf(stderr, "\n%d frames, the longest %.1f ms; %zu of %zu pages of %zu bytes used; %zu allocations since the first frame\n", frames,
            1000 * longest, stats.pages - stats.free_pages, stats.pages, stats.page_bytes, allocations - before);
}
