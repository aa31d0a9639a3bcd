import COpenSSL

/// SHA-256 through OpenSSL, which uses the processor's own instructions where it has them.
///
/// ```swift
/// var hash = SHA256()
/// hash.update("hello ".utf8)
/// hash.update("world".utf8)
/// print(hash.finalize())   // the same as SHA256.hash("hello world".utf8)
/// ```
/// A value: a copy goes on by itself from where it was taken.
public struct SHA256: Sendable {
  private var context: DigestContext

  /// A hash of nothing so far.
  public init() {
    context = DigestContext()
  }

  /// Takes in more bytes.
  public mutating func update(_ bytes: some Collection<UInt8>) {
    if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
      Array(bytes).withUnsafeBytes { update($0) }
    }
  }

  /// Takes in more bytes of a buffer.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    makeUnique()
    context.update(bytes)
  }

  /// The digest of all bytes taken in; the hash then starts again from nothing.
  public mutating func finalize() -> Bytes32 {
    makeUnique()
    return context.finalize()
  }

  /// The digest of bytes.
  public static func hash(_ bytes: some Collection<UInt8>) -> Bytes32 {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  /// The digest of a buffer.
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> Bytes32 {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  private mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&context) {
      context = DigestContext(copying: context)
    }
  }
}

/// Owns one OpenSSL digest context. ``SHA256`` keeps it unique while it changes, so it may cross threads.
private final class DigestContext: @unchecked Sendable {
  // Fetched once: looking an algorithm up by name costs more than hashing a Merkle node.
  nonisolated(unsafe) private static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)

  private let handle: OpaquePointer?

  init() {
    handle = EVP_MD_CTX_new()
    check(EVP_DigestInit_ex2(handle, Self.algorithm, nil))
  }

  init(copying other: DigestContext) {
    handle = EVP_MD_CTX_new()
    check(EVP_MD_CTX_copy_ex(handle, other.handle))
  }

  deinit {
    EVP_MD_CTX_free(handle)
  }

  func update(_ bytes: UnsafeRawBufferPointer) {
    check(EVP_DigestUpdate(handle, bytes.baseAddress, bytes.count))
  }

  func finalize() -> Bytes32 {
    let digest = Bytes32(writing: { buffer in
      let start = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
      check(EVP_DigestFinal_ex(handle, start, nil))
    })
    check(EVP_DigestInit_ex2(handle, nil, nil))
    return digest
  }

  // Fails only without memory or with a broken OpenSSL: there is no digest to give then, and going on with
  // a wrong one would be worse than stopping, as the Swift runtime does when it has no memory.
  private func check(_ status: Int32) {
    precondition(status == 1, "OpenSSL could not carry out a SHA-256 step")
  }
}
