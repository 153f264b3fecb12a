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

/// A file of keys that may be replaced and removed; general.name is the only one outside tokenizer.ggml.
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
        for (const auto& v : values) s += text((v.first == "general.name" ? "" : "tokenizer.ggml.") + v.first) + v.second;
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

TEST_CASE("settings of the vectors' vocabularies") {
    const Tokenizer llama = loaded("llama"), gemma = loaded("gemma"), bpe = loaded("llama-bpe"), qwen2 = loaded("qwen2");
    const Tokenizer plain = loaded("default");
    CHECK(llama.bos == 1);
    CHECK(llama.eos == 2);
    CHECK(llama.add_bos);
    CHECK(llama.add_space_prefix);
    CHECK(!gemma.add_space_prefix);
    CHECK(bpe.add_bos);                                             // with no key that says so
    CHECK(bpe.eot == 826);
    CHECK(bpe.is_end(822));
    CHECK(bpe.is_end(826));
    CHECK(!bpe.is_end(821));
    CHECK(qwen2.eot == qwen2.find("<|im_end|>"));
    CHECK(qwen2.is_end(qwen2.find("<|endoftext|>")));
    CHECK(!qwen2.is_end(qwen2.find("<|im_start|>")));
    CHECK(plain.add_eos);
    CHECK(plain.is_end(plain.find("<EOT>")));
    CHECK(!plain.is_end(-1));
    CHECK(!plain.is_end(static_cast<int32_t>(plain.size())));
    CHECK(plain.piece(-1).empty());
    CHECK(plain.piece(static_cast<int32_t>(plain.size())).empty());
    CHECK(plain.find("no such token") == -1);
    CHECK(plain.find("") == -1);
}

// ---- Unicode --------------------------------------------------------------------------------

TEST_CASE("classes of code points") {
    using tokenizer::Class;
    size_t count[5] = {};
    for (uint32_t c = 0; c < tokenizer::code_points; c++) count[static_cast<int>(tokenizer::class_of(c))]++;
    CHECK(count[static_cast<int>(Class::letter)] == 131756);        // Unicode 14.0.0: Lu Ll Lt Lm Lo, Nd Nl No, Pc Pd Ps Pe Pi Pf Po
    CHECK(count[static_cast<int>(Class::number)] == 1791);
    CHECK(count[static_cast<int>(Class::punctuation)] == 819);
    CHECK(count[static_cast<int>(Class::space)] == 25);
    const struct { uint32_t first, last; Class c; } ranges[] = {
        {0x00, 0x08, Class::other}, {0x09, 0x0D, Class::space}, {0x0E, 0x1F, Class::other}, {0x20, 0x20, Class::space},
        {0x21, 0x23, Class::punctuation}, {0x24, 0x24, Class::other}, {0x25, 0x2A, Class::punctuation}, {0x2B, 0x2B, Class::other},
        {0x30, 0x39, Class::number}, {0x3C, 0x3E, Class::other}, {0x41, 0x5A, Class::letter}, {0x5E, 0x5E, Class::other},
        {0x5F, 0x5F, Class::punctuation}, {0x60, 0x60, Class::other}, {0x61, 0x7A, Class::letter}, {0x7F, 0x84, Class::other},
        {0x85, 0x85, Class::space}, {0xA0, 0xA0, Class::space}, {0xAA, 0xAA, Class::letter}, {0xB2, 0xB3, Class::number},
        {0x300, 0x36F, Class::other}, {0x391, 0x3A1, Class::letter}, {0x410, 0x44F, Class::letter}, {0x660, 0x669, Class::number},
        {0x1680, 0x1680, Class::space}, {0x180E, 0x180E, Class::other}, {0x2000, 0x200A, Class::space}, {0x200B, 0x200F, Class::other},
        {0x2028, 0x2029, Class::space}, {0x2160, 0x2182, Class::number}, {0x2581, 0x2581, Class::other}, {0x3000, 0x3000, Class::space},
        {0x3007, 0x3007, Class::number}, {0x3041, 0x3096, Class::letter}, {0x4E00, 0x9FFF, Class::letter}, {0xAC00, 0xD7A3, Class::letter},
        {0xD800, 0xF8FF, Class::other}, {0xFEFF, 0xFEFF, Class::other}, {0xFF10, 0xFF19, Class::number}, {0xFFFD, 0xFFFD, Class::other},
        {0x1D400, 0x1D454, Class::letter}, {0x1F600, 0x1F64F, Class::other}, {0x20000, 0x2A6DF, Class::letter},
        {0xE0100, 0x10FFFF, Class::other},
    };
    for (const auto& r : ranges)
        for (uint32_t c = r.first; c <= r.last; c++)
            if (tokenizer::class_of(c) != r.c) FAIL_CHECK("U+" << std::hex << c);
}

TEST_CASE("UTF-8") {
    const struct { std::string bytes; uint32_t code; size_t length; } cases[] = {
        {"a", 'a', 1}, {std::string(1, '\0'), 0, 1}, {"\xC3\xA9", 0xE9, 2}, {"\xE2\x96\x81", 0x2581, 3}, {"\xF0\x9F\x9A\x80", 0x1F680, 4},
        {"\xC0\xAF", 0x2F, 2}, {"\xED\xA0\x80", 0xD800, 3}, {"\xF4\x8F\xBF\xBF", 0x10FFFF, 4}, {"\xF4\x90\x80\x80", 0xFFFD, 1},
        {"\xF7\xBF\xBF\xBF", 0xFFFD, 1}, {"\x80", 0xFFFD, 1}, {"\xC3", 0xFFFD, 1}, {"\xE2\x96", 0xFFFD, 1}, {"\xE2\x96q", 0xFFFD, 1},
        {"\xF8\x88\x80\x80\x80", 0xFFFD, 1}, {"\xFF", 0xFFFD, 1},
    };
    for (const auto& c : cases) {
        uint32_t code = 0;
        test::Guarded<char> end(c.bytes.size());                    // a read past the end faults
        std::memcpy(end.data(), c.bytes.data(), c.bytes.size());
        CHECK(tokenizer::read_utf8(std::string_view(end.data(), c.bytes.size()), 0, code) == c.length);
        CHECK(code == c.code);
        std::string back;
        tokenizer::append_utf8(back, code);
        if (c.length > 1 && c.bytes[0] != '\xC0') CHECK(back == c.bytes);
    }
}

TEST_CASE("streams of pieces hold unfinished characters back") {
    const std::string whole = "a\xC3\xA9\xE2\x96\x81z\xF0\x9F\x9A\x80";
    for (size_t step = 1; step <= whole.size(); step++) {
        tokenizer::Stream stream;
        std::string out;
        for (size_t at = 0; at < whole.size(); at += step) {
            out += stream.add(std::string_view(whole).substr(at, step));
            uint32_t code;
            for (size_t i = 0, n; i < out.size(); i += n) {
                n = tokenizer::read_utf8(out, i, code);
                CHECK(code != 0xFFFD);
            }
            CHECK(std::min(at + step, whole.size()) - out.size() < 4);
        }
        CHECK(out == whole);
        CHECK(stream.rest() == "");
    }
    tokenizer::Stream stream;
    CHECK(stream.add("x\xE2\x96") == "x");
    CHECK(stream.add("y") == "\xE2\x96y");                          // it was none
    CHECK(stream.add("\xF0\x9F") == "");
    CHECK(stream.rest() == "\xF0\x9F");
    CHECK(stream.rest() == "");
    CHECK(stream.add("\x80\x80\x80\x80") == "\x80\x80\x80\x80");
    CHECK(stream.add("\xFF") == "\xFF");
}

// ---- words ----------------------------------------------------------------------------------

TEST_CASE("pre-tokenizers") {
    using tokenizer::Pre;
    const struct { Pre pre; std::string words; } cases[] = {
        {Pre::gpt2, "a| | b"},        {Pre::gpt2, "a|\n|\n|b"},         {Pre::gpt2, "it|'s| 42|!"},   {Pre::gpt2, "IT|'|S"},
        {Pre::gpt2, "a|  "},          {Pre::gpt2, "\t|a"},              {Pre::gpt2, "we|'ll|'ve|'|l"}, {Pre::gpt2, "abc|1234567|.,;|def"},
        {Pre::gpt2, " "},             {Pre::gpt2, " |\xC2\xA0|x"},      {Pre::gpt2, "'| x"},
        {Pre::llama, "IT|'S|'ll| x"}, {Pre::llama, "123|456|7"},        {Pre::llama, "\ta"},          {Pre::llama, "(abc|)\n\n|x"},
        {Pre::llama, "a| \n \n| | x"}, {Pre::llama, "a| | b"},           {Pre::llama, "a|  "},         {Pre::llama, "a| | |12"},
        {Pre::llama, "\n|a"},         {Pre::llama, " ?!\r\n|x"},
        {Pre::qwen2, "1|2|3"},        {Pre::qwen2, " |1|a"},            {Pre::qwen2, "'S|x"},
        {Pre::standard, "123|456|7"}, {Pre::standard, "a|'|s"},         {Pre::standard, "a| |+=|b"},  {Pre::standard, "12\xC2\xBD|345"},
        {Pre::standard, "a| b| |42"}, {Pre::standard, "x|  |(|y"},
    };
    for (const auto& c : cases) {
        std::string all;
        for (const std::string& w : split(c.words, '|')) all += w;
        CHECK(words_of(all, c.pre) == c.words);
    }
    CHECK(words_of("", Pre::gpt2) == "");
}

// ---- merging --------------------------------------------------------------------------------

TEST_CASE("SPM: merges by score") {
    const std::string mark(tokenizer::space_mark);
    std::vector<Token> tokens = spm_tokens();
    const int32_t base = static_cast<int32_t>(tokens.size());       // of the ids below: a 0, b 1, c 2, space 3, ab 4 ...
    const Token more[] = {{"a", -10, 1}, {"b", -10, 1}, {"c", -10, 1}, {mark, -10, 1}, {"ab", -2, 1}, {"bc", -1, 1}, {"abc", -3, 1},
                          {mark + "a", -4, 1}, {"aa", -5, 1}, {"\xC3\xA9", -9, 1}, {"cc", -6, 5}, {"ca", -1, 3}};
    tokens.insert(tokens.end(), std::begin(more), std::end(more));
    Keys keys = keys_of(tokens);
    const auto ids = [&](Ids offsets) { for (int32_t& i : offsets) i += base; return offsets; };

    Tokenizer v;
    CHECK(load(v, keys.file()) == "");
    CHECK(v.encode_plain("abc") == ids({6}));                       // bc first (-1), then a + bc = abc
    CHECK(v.encode_plain("abab") == ids({4, 4}));
    CHECK(v.encode_plain("aaa") == ids({8, 0}));                    // equal scores: the leftmost
    CHECK(v.encode_plain(" a b") == ids({7, 3, 1}));
    CHECK(v.encode_plain(" ab") == ids({3, 4}));                    // ab (-2) before _a (-4)
    CHECK(v.encode_plain("\xC3\xA9") == ids({9}));
    CHECK(v.encode_plain("cc") == ids({10}));                       // tokens of any type
    CHECK(v.encode_plain("ca") == ids({11}));
    CHECK(v.encode_plain("\xC3") == Ids{3 + 0xC3});                 // cut short: a byte token
    CHECK(v.encode_plain("z\xFF") == Ids{3 + 'z', 3 + 0xFF});
    CHECK(v.encode_plain("\xE2" "ab") == Ids{3 + 0xE2, 3 + 'a', 3 + 'b'}); // a character by its first byte alone, of three bytes
    CHECK(v.encode_plain("\x80" "ab") == Ids{3 + 0x80, base + 4});  // a byte that begins nothing stands alone
    CHECK(v.encode_plain("<s>") == Ids{3 + '<', 3 + 's', 3 + '>'}); // control tokens are not spelled
    CHECK(v.encode("<s>a", false, true) == Ids{1, base + 7});
    CHECK(v.encode("ab") == Ids{1, base + 3, base + 4});            // BOS, token 1, and a space are the default
    CHECK(v.encode("") == Ids{1});
    CHECK(v.encode_plain("") == Ids{});
    CHECK(v.piece(base + 7) == " a");
    CHECK(v.piece(base + 10) == "");                                // unused
    CHECK(v.piece(base + 10, true) == "");
    CHECK(v.piece(1) == "");
    CHECK(v.piece(1, true) == "<s>");
    CHECK(v.piece(0, true) == "<unk>");
    CHECK(v.decode({1, base + 7, 3 + 0xC3, 3 + 0xA9, 2}) == " a\xC3\xA9");

    keys.set("bos_token_id", 2u);
    keys.set("add_space_prefix", false);
    keys.set("add_eos_token", true);
    keys.set("eos_token_id", 0u);
    CHECK(load(v, keys.file()) == "");
    CHECK(v.encode("a") == Ids{2, base, 0});
    CHECK(v.encode("a", false) == Ids{base});
    CHECK(v.is_end(0));
    CHECK(v.is_end(2));                                             // spelled </s>
    keys.set("add_bos_token", false);
    CHECK(load(v, keys.file()) == "");
    CHECK(v.encode("a") == Ids{base, 0});
}

TEST_CASE("BPE: merges by rank") {
    Keys keys = bpe_keys({{"ab", 0, 1}, {"bc", 0, 1}, {"abc", 0, 1}, {"<|x|>", 0, 3}, {"cab", 0, 1}, {"", 0, 1}, {"  ", 0, 4}},
                         {"b c", "a b", "a bc", "b c", "x y", "xy z", "\xC4\xA0 x"});
    Tokenizer v;
    CHECK(load(v, keys.file()) == "");
    const Ids one = v.encode("a");                                  // pre is absent: "default"
    CHECK(one == Ids{'a'});
    CHECK(v.bos == 11);
    CHECK(v.eos == 11);
    CHECK(v.encode("abc") == Ids{258});
    CHECK(v.encode("ab") == Ids{256});
    CHECK(v.encode("cab") == Ids{'c', 256});                        // no merge makes it
    CHECK(v.encode("xyz") == Ids{'x', 'y', 'z'});                   // merged into what is no token
    CHECK(v.decode(v.encode("a xyz")) == "a xyz");
    CHECK(v.encode("a  b") == Ids{'a', 262, 'b'});                  // user-defined tokens as they are spelled
    CHECK(v.find("[EMPTY_261]") == 261);
    CHECK(v.encode("<|x|>", false, true) == Ids{259});
    CHECK(v.encode("<|x|>").size() == 5);

    keys.set("pre", "llama-bpe");
    CHECK(load(v, keys.file()) == "");
    CHECK(v.encode("cab") == Ids{11, 260});                         // a word that is a token needs no merges
    keys.set("eot_token_id", 7u);
    keys.set("bos_token_id", 8u);
    CHECK(load(v, keys.file()) == "");
    CHECK(v.encode("cab") == Ids{8, 260});
    CHECK(v.is_end(7));
    CHECK(v.is_end(11));
    for (const char* name : {"llama3", "llama-v3", "falcon3", "pixtral", "lfm2"}) {
        keys.set("pre", name);
        CHECK(load(v, keys.file()) == "");
        CHECK(v.encode("cab 'S") == Ids{8, 260, ' ' + 0, '\'', 'S'});
    }
}

namespace {

/// Merging as it is defined: the best pair of all is looked for before each step. rank: lower is earlier, -1 for none.
template <class Rank> std::vector<std::string> merged(std::vector<std::string> symbols, const Rank& rank) {
    for (;;) {
        size_t best = SIZE_MAX;
        double lowest = 0;
        for (size_t i = 0; i + 1 < symbols.size(); i++) {
            double r = 0;
            if (rank(symbols[i], symbols[i + 1], r) && (best == SIZE_MAX || r < lowest)) { best = i; lowest = r; }
        }
        if (best == SIZE_MAX) return symbols;
        symbols[best] += symbols[best + 1];
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
}

std::string random_text(test::Rng& rng, const std::string& letters, size_t most) {
    std::string s;
    for (size_t n = 1 + rng.below(most); n > 0; n--) s += letters[rng.below(letters.size())];
    return s;
}

std::vector<std::string> letters_of(const std::string& s) {
    std::vector<std::string> out;
    for (char c : s) out.push_back(std::string(1, c));
    return out;
}

} // namespace

TEST_CASE("merges of random vocabularies, step by step") {
    test::Rng rng(3);
    for (int round = 0; round < (test::small() ? 5 : 40); round++) {
        std::map<std::string, double> score, order;
        std::vector<Token> tokens = spm_tokens(), more;
        std::vector<std::string> merges;
        while (score.size() < 40) {
            const std::string s = random_text(rng, "abc", 6);
            if (score.count(s)) continue;
            score[s] = static_cast<double>(rng.below(6));           // many are equal
            tokens.push_back({s, static_cast<float>(score[s]), 1});
        }
        while (order.size() < 40) {
            const std::string left = random_text(rng, "abc", 3), right = random_text(rng, "abc", 3);
            if (order.emplace(left + " " + right, static_cast<double>(order.size())).second) merges.push_back(left + " " + right);
        }
        std::map<std::string, bool> known;
        for (const std::string& m : merges) {
            const std::string whole = m.substr(0, m.find(' ')) + m.substr(m.find(' ') + 1);
            if (!known[whole]) more.push_back({whole, 0, 1});
            known[whole] = true;
        }
        Tokenizer spm, bpe;
        REQUIRE(load(spm, keys_of(tokens).file()) == "");
        REQUIRE(load(bpe, bpe_keys(more, merges).file()) == "");
        for (int i = 0; i < 20; i++) {
            const std::string s = random_text(rng, "abc", 60);
            Ids want;
            for (const std::string& symbol : merged(letters_of(s), [&](const std::string& a, const std::string& b, double& r) {
                     const auto it = score.find(a + b);
                     if (it != score.end()) r = -it->second;
                     return it != score.end();
                 }))
                want.push_back(spm.find(symbol) >= 0 ? spm.find(symbol) : spm.find(byte_name(static_cast<unsigned>(symbol[0]))));
            CHECK(spm.encode_plain(s) == want);

            want.clear();
            for (const std::string& symbol : merged(letters_of(s), [&](const std::string& a, const std::string& b, double& r) {
                     const auto it = order.find(a + " " + b);
                     if (it != order.end()) r = it->second;
                     return it != order.end();
                 }))
                want.push_back(bpe.find(symbol));
            CHECK(bpe.encode_plain(s) == want);
        }
    }
}

// ---- special tokens ---------------------------------------------------------------------------

TEST_CASE("special tokens: the longest first, wherever they stand") {
    std::vector<Token> tokens = spm_tokens();
    const int32_t base = static_cast<int32_t>(tokens.size());
    const Token more[] = {{"ab", 0, 3}, {"bcde", 0, 3}, {"xx", 0, 4}, {"x x", 0, 4}, {"<|endoftext|>", 0, 1}, {"<eos>", 0, 1},
                          {"<unused>", 0, 5}};
    tokens.insert(tokens.end(), std::begin(more), std::end(more));
    Keys keys = keys_of(tokens);
    keys.set("add_space_prefix", false);
    Tokenizer v;
    CHECK(load(v, keys.file()) == "");
    const auto b = [](char c) { return 3 + c; };
    CHECK(v.encode("abcde", false, true) == Ids{b('a'), base + 1});
    CHECK(v.encode("abcab", false, true) == Ids{base, b('c'), base});
    CHECK(v.encode("ab", false, false) == Ids{base});               // by a merge
    CHECK(v.encode("bcde", false, false).size() == 4);
    CHECK(v.encode("xxx", false, false) == Ids{base + 2, b('x')});
    CHECK(v.encode("x x xx", false, false).front() == base + 3);
    CHECK(v.encode("<|endoftext|><eos>", false, true) == Ids{base + 4, base + 5});   // control tokens, whatever the file says
    CHECK(v.encode("<unused>", false, true).size() == 8);
    CHECK(v.is_end(base + 4));
    CHECK(v.piece(base + 4) == "");
    CHECK(v.encode("ab \n\tc", false, true).size() == 5 + 2);       // white space stays: three bytes of U+2581, \n and \t
    CHECK(v.eot == base + 4);
    keys.set("add_space_prefix", true);
    CHECK(load(v, keys.file()) == "");
    CHECK(v.encode("cxxc", false).size() == 4 + 1 + 4);             // a space comes before each part
    CHECK(v.encode_plain("cxxc").size() == 1 + 1 + 4);              // but the first
    keys.set("add_space_prefix", false);

    keys.set("general.name", "My PHI-3 model");
    CHECK(load(v, keys.file()) == "");
    CHECK(v.encode("ab \n\tc", false, true) == Ids{base, b('c')});
    CHECK(v.encode("xx \v\f\r ", false, false) == Ids{base + 2});
    CHECK(v.encode("<|endoftext|>\n", false, true) == Ids{base + 4, b('\n')});
    CHECK(v.encode("<s>\n</s>\n<unk>\n", false, true) == Ids{1, b('\n'), 2, 0, b('\n')});
}

// ---- round trips --------------------------------------------------------------------------------

TEST_CASE("random bytes come back") {
    test::Rng rng(5);
    std::string bytes;
    for (int b = 0; b < 256; b++) bytes += static_cast<char>(b);
    const std::string sets[] = {bytes, "ab c\n", "Aa1 \xC3\xA9\xE2\x96\x81", " \t\r\n'sS", "0123456789 ", "the and ing",
                                "\xF0\x9F\x9A\x80\xE2\x80\xA6 e"};
    for (const char* name : names) {
        INFO(std::string(name));
        const Tokenizer words = loaded(name);
        const bool spm = words.find("<0x00>") >= 0;
        for (int round = 0; round < (test::small() ? 50 : 700); round++) {
            const std::string s = random_text(rng, sets[rng.below(sizeof sets / sizeof *sets)], 80);
            std::string want;
            for (size_t at = 0; at < s.size() && !spm;) {           // bytes that begin no character become U+FFFD
                uint32_t code;
                at += tokenizer::read_utf8(s, at, code);
                tokenizer::append_utf8(want, code);
            }
            std::string got = words.decode(words.encode(s, false, false));
            if (spm) {                                              // U+2581 and spaces are one
                want = (words.add_space_prefix ? " " : "") + tokenizer::replace_all(s, tokenizer::space_mark, " ");
                got = tokenizer::replace_all(got, tokenizer::space_mark, " ");
            }
            CHECK(got == want);
        }
        for (int round = 0; round < (test::small() ? 20 : 200); round++) {   // tokens spelled out, cut and joined at random
            std::string s;
            for (int i = 0; i < 6; i++) {
                const size_t from_end = rng.below(rng.below(2) ? 12 : words.size());
                const std::string_view t = words.piece(static_cast<int32_t>(words.size() - 1 - from_end), true);
                s += std::string(t.substr(rng.below(4) ? 0 : rng.below(t.size() + 1)));
                if (rng.below(3) == 0) s += random_text(rng, bytes, 3);
            }
            for (int32_t id : words.encode(s, true, round % 2 == 0)) CHECK(static_cast<size_t>(id) < words.size());
        }
    }
}

// ---- long texts, large vocabularies -----------------------------------------------------------------

TEST_CASE("a megabyte of one character") {
    const size_t n = test::small() ? 20000 : 1000000;
    const struct { const char* name; std::string c; } cases[] = {
        {"llama", " "}, {"gemma", "\n"}, {"gpt-2", "a"}, {"qwen2", "1"}, {"default", "!"}, {"llama-bpe", "\xFF"},
    };
    for (const auto& c : cases) {
        INFO(c.name << " " << c.c);
        const Tokenizer words = loaded(c.name);
        std::string s;
        while (s.size() < n) s += c.c;
        const std::string back = words.decode(words.encode(s, false, true));
        if (c.c == "\xFF") CHECK(back.size() == 3 * s.size());
        else CHECK((words.add_space_prefix ? back.substr(1) : tokenizer::replace_all(back, tokenizer::space_mark, " ")) == s);
    }
}

TEST_CASE("a megabyte that becomes a few tokens") {
    const int doublings = test::small() ? 12 : 20, known = 9;  // a, aa, aaaa, ...
    std::vector<Token> spm = spm_tokens(), bpe;
    std::vector<std::string> merges;
    for (int i = 0; i < known; i++) {
        const std::string s(size_t(1) << i, 'a');
        spm.push_back({s, static_cast<float>(-i), 1});
        if (i) bpe.push_back({s, 0, 1});
        merges.push_back(s + " " + s);
    }
    merges.pop_back();
    const std::string all(size_t(1) << doublings, 'a');
    Tokenizer words;
    REQUIRE(load(words, keys_of(spm).file()) == "");
    CHECK(words.encode_plain(all) == Ids(size_t(1) << (doublings - known + 1), static_cast<int32_t>(words.size() - 1)));
    REQUIRE(load(words, bpe_keys(bpe, merges).file()) == "");
    CHECK(words.encode_plain(all) == Ids(size_t(1) << (doublings - known + 1), static_cast<int32_t>(words.size() - 1)));
}

TEST_CASE("a vocabulary of 128k tokens, thousands of them special") {
    const size_t n = test::small() ? 2000 : 128000;
    std::vector<Token> more;
    std::vector<std::string> merges;
    for (size_t i = 256; i < n; i++) {
        std::string s;
        for (size_t k = i; k > 0; k /= 26) s += static_cast<char>('a' + k % 26);
        if (i % 20 == 0) more.push_back({"<unused" + std::to_string(i) + ">", 0, 3});
        else more.push_back({"_" + s, 0, 1});
        merges.push_back("_ " + s);
    }
    Tokenizer words;
    REQUIRE(load(words, bpe_keys(more, merges).file()) == "");
    CHECK(words.size() == n);
    CHECK(words.find("<unused1000>") == 1000);
    const std::string many(test::small() ? 20000 : 1000000, '<');
    CHECK(words.decode(words.encode(many + "<unused1000>", false, true), true) == many + "<unused1000>");
}

// ---- damaged files ------------------------------------------------------------------------------------

TEST_CASE("what is wrong is named with its key") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<Token> some = spm_tokens();
    const Keys spm = keys_of(some), bpe = bpe_keys({{"ab", 0, 1}}, {"a b"});
    const auto with = [](Keys keys, const std::string& key, auto value) { keys.set(key, value); return keys.file(); };
    const auto without = [](Keys keys, const std::string& key) { keys.values.erase(key); return keys.file(); };
    const auto numbers = [](Keys keys, const std::string& key, K kind, const auto& elements) {
        keys.set(key, kind, elements);
        return keys.file();
    };
    const auto token = [&](size_t i, const std::string& t, int32_t type) {
        std::vector<Token> tokens = some;
        tokens.at(i) = {t, 0, type};
        return keys_of(tokens).file();
    };
    using Texts = std::vector<std::string>;
    const std::string one_f32 = "'tokenizer.ggml.scores' must be an array of one f32 a token";
    const std::string one_integer = "'tokenizer.ggml.token_type' must be an array of one integer a token";
    const struct { std::string names, file; } cases[] = {
        {"'tokenizer.ggml.model' is missing", without(spm, "model")},
        {"'tokenizer.ggml.model' is missing", Keys().file()},
        {"'tokenizer.ggml.model' must be a string", with(spm, "model", 7u)},
        {"'tokenizer.ggml.model' is 'bert'", with(spm, "model", "bert")},
        {"'tokenizer.ggml.model' is ''", with(spm, "model", "")},

        {"'tokenizer.ggml.tokens' must be an array of strings", without(spm, "tokens")},
        {"'tokenizer.ggml.tokens' must be an array of strings", with(spm, "tokens", "a")},
        {"'tokenizer.ggml.tokens' must be an array of strings", with(spm, "tokens", Texts())},
        {"'tokenizer.ggml.tokens' must be an array of strings", numbers(spm, "tokens", K::i32, std::vector<int32_t>{1, 2})},
        {"'tokenizer.ggml.tokens' has '<s>' twice: element 200", token(200, "<s>", 1)},
        {"'tokenizer.ggml.tokens' has '' twice: element 5", with(spm, "tokens", Texts{"a", "[EMPTY_5]", "b", "c", "d", ""})},
        {"'tokenizer.ggml.tokens': byte token 68 is 'a', not", token(68, "a", 6)},
        {"'tokenizer.ggml.tokens': byte token 68 is '<0x4g>', not", token(68, "<0x4g>", 6)},
        {"'tokenizer.ggml.tokens': no byte token <0x41>", token(68, "a", 1)},
        {"'tokenizer.ggml.tokens': no byte token <0x41>", token(68, "<0x41>", 1)},
        {"", token(68, "A", 1)},                                    // the byte itself will do
        {"", token(3 + ' ', "some", 1)},                            // no text needs it

        {one_f32, without(spm, "scores")},
        {one_f32, with(spm, "scores", 1u)},
        {one_f32, numbers(spm, "scores", K::f32, std::vector<float>(258))},
        {one_f32, numbers(spm, "scores", K::f64, std::vector<double>(259))},
        {"'tokenizer.ggml.scores' holds a NaN", numbers(spm, "scores", K::f32, std::vector<float>(259, nan))},
        {one_integer, with(spm, "token_type", "control")},
        {one_integer, numbers(spm, "token_type", K::i32, std::vector<int32_t>(260, 1))},
        {"'tokenizer.ggml.token_type': type 7 of token 0", numbers(spm, "token_type", K::i32, std::vector<int32_t>(259, 7))},
        {"'tokenizer.ggml.token_type': type 0 of token 0", numbers(bpe, "token_type", K::i32, std::vector<int32_t>(257, 0))},
        {"", without(bpe, "token_type")},

        {"'tokenizer.ggml.pre' must be a string", with(bpe, "pre", true)},
        {"'tokenizer.ggml.pre' is 'tekken', a pre-tokenizer", with(bpe, "pre", "tekken")},
        {"", with(spm, "pre", "tekken")},                           // SPM has none
        {"'tokenizer.ggml.merges' must be an array of strings", without(bpe, "merges")},
        {"'tokenizer.ggml.merges' must be an array of strings", with(bpe, "merges", 3u)},
        {"'tokenizer.ggml.merges' has 'ab', not two parts", with(bpe, "merges", Texts{"a b", "ab"})},
        {"'tokenizer.ggml.merges' has '', not two parts", with(bpe, "merges", Texts{""})},
        {"'tokenizer.ggml.merges' has ' b', not two parts", with(bpe, "merges", Texts{" b"})},
        {"'tokenizer.ggml.merges' has 'a ', not two parts", with(bpe, "merges", Texts{"a "})},
        {"", with(bpe, "merges", Texts())},

        {"'tokenizer.ggml.bos_token_id' is 259, outside 0 to 258", with(spm, "bos_token_id", 259u)},
        {"'tokenizer.ggml.bos_token_id' must be one integer", with(spm, "bos_token_id", "1")},
        {"'tokenizer.ggml.eos_token_id' is 4294967295, outside", with(spm, "eos_token_id", 0xFFFFFFFFu)},
        {"'tokenizer.ggml.eot_token_id' is 257, outside 0 to 256", with(bpe, "eot_token_id", 257u)},
        {"'tokenizer.ggml.add_bos_token' must be a bool", with(spm, "add_bos_token", 1u)},
        {"'tokenizer.ggml.add_eos_token' must be a bool", with(spm, "add_eos_token", "yes")},
        {"'tokenizer.ggml.add_space_prefix' must be a bool", with(bpe, "add_space_prefix", 0u)},
    };
    Tokenizer kept;
    REQUIRE(load(kept, bpe.file()) == "");
    for (const auto& c : cases) {
        const std::string error = load(kept, c.file);
        const bool named = c.names.empty() ? error.empty() : error.find(c.names) != std::string::npos;
        CHECK_MESSAGE(named, "wanted \"" << c.names << "\", got \"" << error << "\"");
        if (!c.names.empty()) CHECK(kept.encode("ab") == Ids{256});  // what was refused changed nothing
        REQUIRE(load(kept, bpe.file()) == "");
    }
    const Tokenizer nothing;
    CHECK(nothing.size() == 0);
    CHECK(nothing.piece(0).empty());
    CHECK(!nothing.is_end(0));
    CHECK(nothing.find("a") == -1);
}

TEST_CASE("random damage") {
    test::Rng rng(9);
    size_t loads = 0, rounds = 0;
    for (const char* name : {"llama", "gemma", "gpt-2", "llama-bpe"}) {
        const std::string whole = read_file(path(name, ".gguf"));
        std::string bytes = whole;
        for (int round = 0; round < (test::small() ? 20 : 150); round++, rounds++) {
            for (size_t i = 1 + rng.below(3); i > 0; i--) bytes[rng.below(bytes.size())] = static_cast<char>(rng.bits());
            Tokenizer words;
            if (load(words, bytes).empty()) {
                loads++;
                for (int32_t id : words.encode("In the  beginning\n</s><|eot_id|>\xFF\xE2\x96\x81 1234'S", true, true))
                    CHECK(static_cast<size_t>(id) < words.size());
            }
            bytes = whole;
        }
    }
    CHECK(loads > 0);
    CHECK(loads < rounds);
}
