// The examples' tokenizer: ids, pieces and texts of every vector of tests/data/tokenizers, a second implementation of merging in the
// plainest form, Unicode classes, round trips of random bytes, texts of a megabyte, and files that are damaged.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"
#include "../examples/tokenizer.hpp"

#include <fstream>
#include <map>

namespace {

using tokenizer::Tokenizer;
using Ids = std::vector<int32_t>;

const char* const names[] = {"llama", "gemma", "phi-3", "gpt-2", "llama-bpe", "qwen2", "default",
                             "fuzz-gpt-2", "fuzz-llama-bpe", "fuzz-qwen2", "fuzz-default"};

std::string path(const std::string& name, const std::string& end) { return "tests/data/tokenizers/vocab-" + name + end; }

std::string read_file(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    REQUIRE_MESSAGE(!all.str().empty(), file);
    return all.str();
}

/// Loads from bytes that are gone afterwards.
std::string load(Tokenizer& words, const std::string& bytes) {
    const std::string copy = bytes;
    gguf::File file;
    const std::string error = file.parse(copy.data(), copy.size());
    return error.empty() ? words.load(file) : error;
}

Tokenizer loaded(const std::string& name) {
    Tokenizer words;
    const std::string error = load(words, read_file(path(name, ".gguf")));
    REQUIRE_MESSAGE(error.empty(), error);
    return words;
}

std::vector<std::string> split(const std::string& s, char by) {
    std::vector<std::string> parts(1);
    for (char c : s)
        if (c == by) parts.push_back("");
        else parts.back() += c;
    return parts;
}

std::string from_hex(const std::string& hex) {
    std::string out;
    for (size_t i = 0; hex != "-" && i < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return out;
}

std::string shown(const Ids& ids) {
    std::string out;
    for (int32_t id : ids) out += (out.empty() ? "" : " ") + std::to_string(id);
    return out;
}

// ---- GGUF parts, written by hand ------------------------------------------------------

using K = gguf::Kind;
template <class T> std::string raw(T v) { std::string s(sizeof v, '\0'); std::memcpy(&s[0], &v, sizeof v); return s; }
std::string text(const std::string& s) { return raw<uint64_t>(s.size()) + s; }

/// A file of keys that may be replaced and removed.
struct Keys {
    std::map<std::string, std::string> values;                      // with their kinds

    void set(const std::string& key, K kind, const std::string& bytes) { values[key] = raw(static_cast<uint32_t>(kind)) + bytes; }
    void set(const std::string& key, const std::string& s) { set(key, K::string, text(s)); }
    void set(const std::string& key, uint32_t n) { set(key, K::u32, raw(n)); }
    void set(const std::string& key, bool b) { set(key, K::boolean, raw<uint8_t>(b)); }
    void set(const std::string& key, const char* s) { set(key, std::string(s)); }
    template <class T> void set(const std::string& key, K kind, const std::vector<T>& elements) {
        std::string all;
        for (const T& e : elements) all += raw(e);
        set(key, K::array, raw(static_cast<uint32_t>(kind)) + raw<uint64_t>(elements.size()) + all);
    }
    void set(const std::string& key, const std::vector<std::string>& elements) {
        std::string all;
        for (const std::string& e : elements) all += text(e);
        set(key, K::array, raw(static_cast<uint32_t>(K::string)) + raw<uint64_t>(elements.size()) + all);
    }
    std::string file() const {
        std::string s = "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(0) + raw<uint64_t>(values.size());
        for (const auto& v : values) s += text("tokenizer.ggml." + v.first) + v.second;
        return s;
    }
};

struct Token { std::string text; float score; int32_t type; };

Keys keys_of(const std::vector<Token>& tokens) {
    Keys keys;
    std::vector<std::string> texts;
    std::vector<float> scores;
    std::vector<int32_t> types;
    for (const Token& t : tokens) { texts.push_back(t.text); scores.push_back(t.score); types.push_back(t.type); }
    keys.set("model", "llama");
    keys.set("tokens", texts);
    keys.set("scores", K::f32, scores);
    keys.set("token_type", K::i32, types);
    return keys;
}

std::string byte_name(unsigned b) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", b);
    return name;
}

/// <unk> <s> </s>, then a token for each byte: what every SPM vocabulary has.
std::vector<Token> spm_tokens() {
    std::vector<Token> tokens = {{"<unk>", 0, 2}, {"<s>", 0, 3}, {"</s>", 0, 3}};
    for (unsigned b = 0; b < 256; b++) tokens.push_back({byte_name(b), 0, 6});
    return tokens;
}

/// The letters of the 256 bytes, then more tokens; with merges.
Keys bpe_keys(const std::vector<Token>& more, const std::vector<std::string>& merges) {
    std::vector<Token> tokens;
    for (int b = 0; b < 256; b++) {
        const char c = static_cast<char>(b);
        std::string letter;
        tokenizer::append_letters(letter, std::string_view(&c, 1));
        tokens.push_back({letter, 0, 1});
    }
    tokens.insert(tokens.end(), more.begin(), more.end());
    Keys keys = keys_of(tokens);
    keys.set("model", "gpt2");
    keys.values.erase("scores");
    keys.set("merges", merges);
    return keys;
}

/// What the words of a text are, with "|" between them.
std::string words_of(const std::string& s, tokenizer::Pre pre) {
    const tokenizer::Words words(s);
    std::string out;
    size_t from = 0;
    for (size_t to : words.ends(pre)) {
        if (from) out += '|';
        words.append(out, from, to);
        from = to;
    }
    return out;
}

} // namespace

// ---- vectors ------------------------------------------------------------------------------

TEST_CASE("vectors") {
    size_t count = 0;
    for (const char* name : names) {
        INFO(std::string(name));
        const Tokenizer words = loaded(name);
        for (const std::string& line : split(read_file(path(name, ".vec.txt")), '\n')) {
            if (line.empty() || line[0] == '#') continue;
            const std::vector<std::string> fields = split(line, '\t');
            REQUIRE(fields.size() == 6);
            const Ids ids = words.encode(from_hex(fields[1]), fields[0][0] == '1', fields[0][2] == '1');
            INFO(fields[0] << " " << fields[1]);
            CHECK(shown(ids) == (fields[2] == "-" ? "" : fields[2]));
            Ids want;
            for (const std::string& id : split(fields[2], ' '))
                if (id != "-") want.push_back(std::stoi(id));
            CHECK(words.decode(want) == from_hex(fields[3]));
            CHECK(words.decode(want, true) == from_hex(fields[4]));
            count++;
        }
    }
    CHECK(count > 3000);
}
