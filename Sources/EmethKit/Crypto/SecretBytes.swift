import COpenSSL

/// Secret bytes in memory of their own, which is overwritten before it is freed.
///
/// They are never copied with the value that holds them and are in no description.
final class SecretBytes: Sendable {
  // Written in init and cleansed in deinit, read in between: safe to share.
  private nonisolated(unsafe) let start: UnsafeMutableRawPointer
  let count: Int

  /// As many bytes as `body` writes into the buffer that it is given, zeros at first.
  init<E: Error>(
    count: Int, writing body: (UnsafeMutableRawBufferPointer) throws(E) -> Void
  ) throws(E) {
    start = UnsafeMutableRawPointer.allocate(byteCount: max(1, count), alignment: 16)
    start.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    self.count = count
    // From here on every stored property is set, so a throw runs deinit, which cleanses and frees.
    try body(UnsafeMutableRawBufferPointer(start: start, count: count))
  }

  /// A copy of bytes; the original is the caller's to overwrite.
  convenience init(_ bytes: some Collection<UInt8>) {
    self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
  }

  /// Random bytes of a source that the caller trusts.
  convenience init(count: Int, using random: inout some RandomNumberGenerator) {
    self.init(count: count) { random.fill($0) }
  }

  /// HKDF-SHA256 of these bytes.
  func derived(salt: some Collection<UInt8>, info: some Collection<UInt8>, count: Int) -> SecretBytes {
    var bytes = withUnsafeBytes { HKDFSHA256.derive(key: $0, salt: salt, info: info, count: count) }
    defer { bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
    return SecretBytes(bytes)
  }

  deinit {
    OPENSSL_cleanse(start, count)
    start.deallocate()
  }

  /// Calls `body` with the bytes in place; the buffer is valid only during the call.
  func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: start, count: count))
  }
}

extension RandomNumberGenerator {
  /// Fills a buffer with random bytes.
  mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    var offset = 0
    while offset < buffer.count {
      var word = next().littleEndian
      let count = min(8, buffer.count - offset)
      withUnsafeBytes(of: &word) { bytes in
        UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<offset + count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      }
      withUnsafeMutableBytes(of: &word) { OPENSSL_cleanse($0.baseAddress, $0.count) }
      offset += count
    }
  }
}
