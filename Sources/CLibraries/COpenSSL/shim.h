// OpenSSL 3: digests, MACs, key derivation, ciphers and X25519.
#ifndef EMETH_COPENSSL_SHIM_H
#define EMETH_COPENSSL_SHIM_H
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>

// SHA-256 without a digest context's set-up, which costs more than hashing a short record does. OpenSSL 3
// marks these functions as deprecated; they run the same code for the processor at hand.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
static inline void emeth_sha256_update(SHA256_CTX *state, const void *bytes, size_t count) {
  SHA256_Update(state, bytes, count);
}
/// Writes the 32 bytes of the digest.
static inline void emeth_sha256_final(SHA256_CTX *state, unsigned char *digest) {
  SHA256_Final(digest, state);
}
#pragma clang diagnostic pop
#endif
