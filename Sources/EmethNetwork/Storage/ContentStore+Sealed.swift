import EmethKit
import Foundation

/// Objects that only one reader can open: age files, under the hash of their sealed bytes (PROTOCOL 5).
extension ContentStore {
  /// Seals bytes to a recipient and stores what comes out; returns its SHA-256.
  func putSealed(
    _ data: Data, to recipient: SealingRecipient, durable: Bool = false,
    using random: inout some RandomNumberGenerator
  ) throws(NetworkError) -> Bytes32 {
    try putSealed(data, to: [recipient], durable: durable, using: &random)
  }

  /// Seals bytes to several recipients and stores what comes out; returns its SHA-256.
  ///
  /// Beside the data memory stays at a few pieces. `durable: true` waits for the disk.
  func putSealed(
    _ data: Data, to recipients: [SealingRecipient], durable: Bool = false,
    using random: inout some RandomNumberGenerator
  ) throws(NetworkError) -> Bytes32 {
    try put(durable: durable) { write throws(NetworkError) in
      var stream: SealingStream
      do throws(SealingError) {
        stream = try SealingStream(to: recipients, using: &random)
      } catch {
        throw NetworkError(error)
      }
      var sealed: [UInt8] = []
      for piece in data.pieces(of: SealedObject.pieceSize) {
        sealed.removeAll(keepingCapacity: true)
        do throws(SealingError) { try stream.append(piece, to: &sealed) } catch { throw NetworkError(error) }
        try write(sealed)
      }
      sealed.removeAll(keepingCapacity: true)
      do throws(SealingError) { try stream.finish(to: &sealed) } catch { throw NetworkError(error) }
      try write(sealed)
    }
  }

  /// Seals an object of this store to a recipient, piece by piece, and stores what comes out; returns its SHA-256.
  ///
  /// - Parameter store: where what comes out is put.
  func putSealed(
    _ object: Bytes32, into store: ContentStore, to recipient: SealingRecipient,
    using random: inout some RandomNumberGenerator
  ) throws(NetworkError) -> Bytes32 {
    try withCopies(of: object) { () throws(NetworkError) in
      let reader = try FileReader(file(of: object).url)
      return try store.put(durable: true) { write throws(NetworkError) in
        var stream: SealingStream
        do throws(SealingError) {
          stream = try SealingStream(to: [recipient], using: &random)
        } catch {
          throw NetworkError(error)
        }
        var hash = SHA256()
        var (sealed, offset): ([UInt8], UInt64) = ([], 0)
        while true {
          let piece = try reader.read(at: offset, count: SealedObject.pieceSize)
          if piece.isEmpty { break }
          offset += UInt64(piece.count)
          piece.withUnsafeBytes { hash.update($0) }
          sealed.removeAll(keepingCapacity: true)
          do throws(SealingError) {
            try stream.append(piece, to: &sealed)
          } catch {
            throw NetworkError(error)
          }
          try write(sealed)
        }
        sealed.removeAll(keepingCapacity: true)
        do throws(SealingError) { try stream.finish(to: &sealed) } catch { throw NetworkError(error) }
        try write(sealed)
        let found = hash.finalize()
        guard found == object else { throw .corruptObject(hash: object, found: found) }
      }
    }
  }

  /// Does what begins with reading an object; where that fails with a copy that is damaged, or has made room for another,
  /// once more with a fresh one.
  private func withCopies(
    of object: Bytes32, _ body: () throws(NetworkError) -> Bytes32
  ) throws(NetworkError) -> Bytes32 {
    do throws(NetworkError) {
      return try body()
    } catch {
      guard remote != nil else { throw error }
      _ = try place.dropCopy(of: Self.key(of: object))
    }
    return try body()
  }

  /// Opens a sealed object of another store into this one and returns the SHA-256 of what was in it.
  func open(
    _ sealed: Bytes32, from other: ContentStore, with identity: SealingIdentity
  ) throws(NetworkError) -> Bytes32 {
    try other.withCopies(of: sealed) { () throws(NetworkError) in
      try put(durable: false) { write throws(NetworkError) in
        try other.open(sealed, with: identity, write)
      }
    }
  }

  private func open(
    _ sealed: Bytes32, with identity: SealingIdentity, _ write: ([UInt8]) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    let found = try SealedObject.open(file(of: sealed).url, with: identity, write)
    guard found == sealed else { throw .corruptObject(hash: sealed, found: found) }
  }

  /// Reads what is in a sealed object, piece by piece. That it is the one with this hash is known at the end.
  func forEachPiece(
    ofSealed hash: Bytes32, with identity: SealingIdentity,
    _ body: (UnsafeRawBufferPointer) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    do throws(NetworkError) {
      try open(hash, with: identity) { plain throws(NetworkError) in
        try asNetworkError { try plain.withUnsafeBytes { try body($0) } }
      }
    } catch {
      // Pieces were handed on: the next one fetches it once more.
      _ = try place.dropCopy(of: Self.key(of: hash))
      throw error
    }
  }

  /// Whether an object begins as a sealed file does.
  func isSealed(_ hash: Bytes32) throws(NetworkError) -> Bool {
    try beginning(of: hash, byteCount: SealedObject.beginning.count).bytes == SealedObject.beginning
  }

  /// Stores what `body` writes, in pieces, and returns its SHA-256.
  private func put(
    durable: Bool, _ body: (_ write: ([UInt8]) throws(NetworkError) -> Void) throws(NetworkError) -> Void
  ) throws(NetworkError) -> Bytes32 {
    let draft = folder.appending(path: ".\(UUID().uuidString).partial")
    let file = try PieceFile(draft)
    var hasher = SHA256()
    do throws(NetworkError) {
      try body { piece throws(NetworkError) in
        piece.withUnsafeBytes { hasher.update($0) }
        try file.write(piece)
      }
      try file.close()
      let hash = hasher.finalize()
      try keeper?(Self.key(of: hash))
      try place.adopt(draft, as: Self.key(of: hash), hash: hash, durable: durable)
      return hash
    } catch {
      unlink(draft.path)
      throw error
    }
  }
}

/// A new file that is written piece by piece.
struct PieceFile {
  private let path: String
  private let handle: FileHandle

  init(_ file: URL) throws(NetworkError) {
    path = file.path
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw .fileFailed(path: path, operation: "write", reason: Files.lastSystemError())
    }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  func write(_ bytes: some DataProtocol) throws(NetworkError) {
    do {
      try handle.write(contentsOf: bytes)
    } catch {
      throw .fileFailed(path: path, operation: "write", reason: error.localizedDescription)
    }
  }

  /// Ends the file; `durable` waits for the disk.
  func close(durable: Bool = false) throws(NetworkError) {
    do {
      if durable { try handle.synchronize() }
      try handle.close()
    } catch {
      throw .fileFailed(path: path, operation: "write", reason: error.localizedDescription)
    }
  }
}

extension Data {
  /// The data in slices of `size` bytes, the last one shorter.
  func pieces(of size: Int) -> some Sequence<Data> {
    stride(from: startIndex, to: endIndex, by: size).lazy.map { self[$0..<Swift.min(endIndex, $0 + size)] }
  }
}
