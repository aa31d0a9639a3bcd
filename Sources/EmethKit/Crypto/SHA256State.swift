import COpenSSL

/// A SHA-256 on its way as a plain value, for the many short hashes of salts, records and tree nodes.
///
/// ``SHA256`` is the same hash with a context of OpenSSL's own, whose set-up takes longer than hashing 64
/// bytes does; this one costs nothing but the blocks.
struct SHA256State: Sendable {
  static let blockByteCount = 64

  private var state: SHA256_CTX

  /// Nothing taken in.
  init() {
    state = Self.empty
  }

  /// FIPS 180-4, 5.3.3, as OpenSSL sets it up; written out because the call costs more than the copy.
  private static var empty: SHA256_CTX {
    SHA256_CTX(
      h: (
        0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19
      ),
      Nl: 0, Nh: 0, data: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), num: 0,
      md_len: UInt32(SHA256_DIGEST_LENGTH))
  }

  /// Takes in any bytes.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    emeth_sha256_update(&state, bytes.baseAddress, bytes.count)
  }

  /// The digest of what was taken in.
  consuming func finalized() -> Bytes32 {
    Bytes32(writing: { emeth_sha256_final(&state, $0.baseAddress?.assumingMemoryBound(to: UInt8.self)) })
  }

  /// The digest when whole blocks were taken in and the last one held the padding.
  var compressed: Bytes32 {
    let words = state.h
    return Bytes32(writing: { buffer in
      withUnsafeBytes(of: words) { words in
        for index in 0..<8 {
          let word = words.load(fromByteOffset: 4 * index, as: UInt32.self)
          buffer.storeBytes(of: word.bigEndian, toByteOffset: 4 * index, as: UInt32.self)
        }
      }
    })
  }

  /// The digest of a message that stands in whole blocks, its padding included.
  static func digest(ofBlocks blocks: UnsafeRawBufferPointer) -> Bytes32 {
    var state = SHA256State()
    state.update(blocks)
    return state.compressed
  }

  /// Writes SHA-256's padding behind `count` bytes of a message's last blocks: 0x80, zeros, and the length
  /// of the whole message in bits at the end of `blocks`.
  @inline(__always)
  static func pad(_ blocks: UnsafeMutableRawBufferPointer, from count: Int, messageByteCount: Int) {
    var place = count
    blocks[place] = 0x80
    place += 1
    while place & 7 != 0 {
      blocks[place] = 0
      place += 1
    }
    while place < blocks.count - 8 {
      blocks.storeBytes(of: 0, toByteOffset: place, as: UInt64.self)
      place += 8
    }
    blocks.storeBytes(
      of: UInt64(messageByteCount &* 8).bigEndian, toByteOffset: blocks.count - 8, as: UInt64.self)
  }
}
