// Attention of one new row a sequence over its cache: reads every key and value once, which a general product of so few rows
// does not. Built by generate.py for the shape of one target (HEAD_DIM, GROUP: query heads that share a key-value head).
#include <torch/extension.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

constexpr int BLOCK = 64;

inline float widened(uint16_t bits) {
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

inline uint16_t narrowed(float value) {
    uint32_t wide;
    std::memcpy(&wide, &value, sizeof wide);
    return static_cast<uint16_t>((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
}

}  // namespace

// queries [rows, GROUP, HEAD_DIM], keys [rows, HEAD_DIM, places], values [rows, places, HEAD_DIM], all bfloat16; a row is a
// key-value head of a sequence and sees the places from begins[row] up to `place`. Returns [rows, GROUP, HEAD_DIM].
torch::Tensor attend(torch::Tensor queries, torch::Tensor keys, torch::Tensor values, torch::Tensor begins, int64_t place) {
    const int64_t rows = queries.size(0), places = values.size(1);
    TORCH_CHECK(queries.size(1) == GROUP && queries.size(2) == HEAD_DIM && places % BLOCK == 0);
    TORCH_CHECK(queries.is_contiguous() && keys.is_contiguous() && values.is_contiguous());
    auto attended = torch::empty_like(queries);
    const auto *all_queries = reinterpret_cast<const uint16_t *>(queries.data_ptr<at::BFloat16>());
    const auto *all_keys = reinterpret_cast<const uint16_t *>(keys.data_ptr<at::BFloat16>());
    const auto *all_values = reinterpret_cast<const uint16_t *>(values.data_ptr<at::BFloat16>());
    auto *all_attended = reinterpret_cast<uint16_t *>(attended.data_ptr<at::BFloat16>());
    const int64_t *first = begins.data_ptr<int64_t>();
    const float scale = 1 / std::sqrt(static_cast<float>(HEAD_DIM));
    at::parallel_for(0, rows, 16, [&](int64_t from, int64_t to) {
        std::vector<float> scores(GROUP * places);
        for (int64_t row = from; row < to; row++) {
            float query[GROUP][HEAD_DIM];
            for (int i = 0; i < GROUP * HEAD_DIM; i++) {
                query[0][i] = widened(all_queries[row * GROUP * HEAD_DIM + i]) * scale;
            }
            const uint16_t *key = all_keys + row * HEAD_DIM * places;
            for (int64_t block = first[row] / BLOCK * BLOCK; block <= place; block += BLOCK) {
                float sums[GROUP][BLOCK] = {};
                for (int d = 0; d < HEAD_DIM; d++) {
                    float wide[BLOCK];
                    for (int i = 0; i < BLOCK; i++) wide[i] = widened(key[d * places + block + i]);
                    for (int g = 0; g < GROUP; g++) {
                        for (int i = 0; i < BLOCK; i++) sums[g][i] += query[g][d] * wide[i];
                    }
                }
                for (int g = 0; g < GROUP; g++) std::memcpy(&scores[g * places + block], sums[g], sizeof sums[g]);
            }
            float total[GROUP];
            for (int g = 0; g < GROUP; g++) {
                float *score = &scores[g * places], most = score[place];
                for (int64_t i = first[row]; i < place; i++) most = std::max(most, score[i]);
                total[g] = 0;
                for (int64_t i = first[row]; i <= place; i++) total[g] += score[i] = std::exp(score[i] - most);
            }
            float sums[GROUP][HEAD_DIM] = {};
            for (int64_t i = first[row]; i <= place; i++) {
                const uint16_t *value = all_values + (row * places + i) * HEAD_DIM;
                float wide[HEAD_DIM];
                for (int d = 0; d < HEAD_DIM; d++) wide[d] = widened(value[d]);
                for (int g = 0; g < GROUP; g++) {
                    for (int d = 0; d < HEAD_DIM; d++) sums[g][d] += scores[g * places + i] * wide[d];
                }
            }
            for (int g = 0; g < GROUP; g++) {
                for (int d = 0; d < HEAD_DIM; d++) {
                    all_attended[(row * GROUP + g) * HEAD_DIM + d] = narrowed(sums[g][d] / total[g]);
                }
            }
        }
    });
    return attended;
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) { module.def("attend", &attend); }
