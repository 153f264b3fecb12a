// sampling.hpp: the next token from logits.
//
//   sampling::Settings how;   how.temperature = 0.8;   how.top_p = 0.95;
//   sampling::Sampler sampler(how);
//   int32_t token = sampler.next(logits, vocabulary);              // -1 if the logits are not finite, as corrupt weights make them
//
// The same settings and logits give the same tokens on every machine where exp() of double does.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_SAMPLING_HPP
#define GLLM_EXAMPLES_SAMPLING_HPP

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <algorithm>
#include <vector>

namespace sampling {

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

struct Settings {
    double   temperature = 0;                                       // 0: the likeliest token
    uint64_t top_k = 40;                                            // 0: any number of them
    double   top_p = 1, min_p = 0;
    double   repeat_penalty = 1;
    uint64_t repeat_last = 64;
    uint64_t seed = 1;
};

/// Draws from softmax(logits / temperature) over those tokens that are at least min_p times as likely as the likeliest; of these the
/// top_k likeliest; of these the fewest that have the share top_p of what is left. Before that, the logits of the last
/// `repeat_last` tokens are divided by the penalty where positive, multiplied by it where negative.
class Sampler {
public:
    explicit Sampler(const Settings& settings) : how_(settings), random_(settings.seed) {}

    /// A token that is now part of the text: of the prompt, or the last one drawn.
    void saw(int32_t token) {
        if (how_.repeat_penalty >= 1 && how_.repeat_penalty <= 1) return;
        seen_.push_back(token);
        if (seen_.size() > how_.repeat_last) seen_.erase(seen_.begin());
    }
    void forget() { seen_.clear(); }

    int32_t next(const float* logits, size_t n) {
        for (size_t i = 0; i < n; i++)
            if (!isfinite(logits[i])) return -1;
        logits_.assign(logits, logits + n);
        penalise();
        const auto best = std::max_element(logits_.begin(), logits_.end());
        if (how_.temperature <= 0) return static_cast<int32_t>(best - logits_.begin());
        keep(*best);
        double sum = 0;
        upto_.clear();
        for (int32_t id : ids_) upto_.push_back(sum += weight(id, *best));
        if (how_.top_p < 1) {
            const auto enough = std::lower_bound(upto_.begin(), upto_.end(), how_.top_p * sum);
            upto_.resize(std::min(upto_.size(), static_cast<size_t>(enough - upto_.begin()) + 1));
            sum = upto_.back();
        }
        const auto at = std::upper_bound(upto_.begin(), upto_.end(), random_.uniform() * sum);
        return ids_[std::min(upto_.size() - 1, static_cast<size_t>(at - upto_.begin()))];
    }

private:
    float logit(int32_t id) const { return logits_[static_cast<size_t>(id)]; }
    double weight(int32_t id, float best) const { return exp(static_cast<double>(logit(id) - best) / how_.temperature); }

    void penalise() {
        for (size_t i = 0; i < seen_.size(); i++) {
            const auto here = seen_.begin() + static_cast<ptrdiff_t>(i);
            if (std::find(seen_.begin(), here, *here) != here) continue;                // once each
            float& v = logits_[static_cast<size_t>(seen_[i])];
            v = static_cast<float>(static_cast<double>(v) * (v > 0 ? 1 / how_.repeat_penalty : how_.repeat_penalty));
        }
    }
    /// ids_ becomes those that min_p and top_k leave, the likeliest first.
    void keep(float best) {
        ids_.clear();
        for (size_t i = 0; i < logits_.size(); i++)
            if (how_.min_p <= 0 || weight(static_cast<int32_t>(i), best) >= how_.min_p) ids_.push_back(static_cast<int32_t>(i));
        const size_t kept = how_.top_k && how_.top_k < ids_.size() ? static_cast<size_t>(how_.top_k) : ids_.size();
        std::partial_sort(ids_.begin(), ids_.begin() + static_cast<ptrdiff_t>(kept), ids_.end(),
                          [&](int32_t a, int32_t b) { return logit(a) != logit(b) ? logit(a) > logit(b) : a < b; });
        ids_.resize(kept);
    }

    Settings how_;
    Random random_;
    std::vector<float> logits_;
    std::vector<int32_t> ids_, seen_;
    std::vector<double> upto_;                                      // cumulative weights of ids_
};

} // namespace sampling

#endif // GLLM_EXAMPLES_SAMPLING_HPP
