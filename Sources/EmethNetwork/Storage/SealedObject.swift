import EmethKit
import Foundation

/// What files that are sealed to somebody have in common: age files (PROTOCOL 5).
enum SealedObject {
  /// The first line of an age file.
  static let beginning = Data("age-encryption.org/v1\n".utf8)
  /// Bytes that are sealed or opened at once.
  static let pieceSize = 1 << 20
  /// What comes before the chunks where there is one recipient: the header, and the nonce.
  private static let startByteCount: UInt64 = 184

  /// How long a file sealed to one recipient is at most, by what is in it.
  static func byteCountLimit(ofPlain plain: UInt64) -> UInt64 {
    // A header, and 16 bytes for every 64 KiB.
    plain + plain / 1_024 + 4_096
  }

  /// How long what is in it is, by a file's length; of one with another header about so long.
  static func plainByteCount(ofSealed byteCount: UInt64) -> UInt64 {
    let chunks = byteCount - min(byteCount, startByteCount)
    return (try? PayloadLayout(sealedByteCount: chunks))?.plainByteCount ?? byteCount
  }

  /// Opens a file and hands on what is in it piece by piece; memory stays at a few pieces.
  ///
  /// - Returns: SHA-256 of the file as it is sealed.
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, before anything that is not genuine is handed on, or what
  ///   `write` throws.
  @discardableResult
  static func open(
    _ file: URL, with identity: SealingIdentity, _ write: ([UInt8]) throws(NetworkError) -> Void
  ) throws(NetworkError) -> Bytes32 {
    let reader = try FileReader(file)
    var hash = SHA256()
    var stream = OpeningStream(identities: [identity])
    var (plain, offset): ([UInt8], UInt64) = ([], 0)
    while true {
      let piece = try reader.read(at: offset, count: pieceSize)
      if piece.isEmpty { break }
      offset += UInt64(piece.count)
      piece.withUnsafeBytes { hash.update($0) }
      plain.removeAll(keepingCapacity: true)
      do throws(SealingError) { try stream.append(piece, to: &plain) } catch { throw NetworkError(error) }
      try write(plain)
    }
    plain.removeAll(keepingCapacity: true)
    do throws(SealingError) { try stream.finish(to: &plain) } catch { throw NetworkError(error) }
    try write(plain)
    return hash.finalize()
  }
}

extension Files {
  /// Opens a sealed file into another one and returns the SHA-256 of what was in it.
  static func openSealed(
    _ sealed: URL, to file: URL, with identity: SealingIdentity
  ) throws(NetworkError) -> Bytes32 {
    var hash = SHA256()
    try write(to: file, durable: false) { target throws(NetworkError) in
      try SealedObject.open(sealed, with: identity) { plain throws(NetworkError) in
        plain.withUnsafeBytes { hash.update($0) }
        try asNetworkError { try plain.withUnsafeBytes { try target.write($0) } }
      }
    }
    return hash.finalize()
  }
}
