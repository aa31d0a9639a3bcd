import EmethKit
import Foundation
import NIOCore
import Synchronization

/// A part of an upload while it arrives: its bytes, hashed as they come, in a file that has no name, so that nothing is
/// left of it however this ends. They count for nothing until its signature was checked.
final class ArrivingPart: Sendable {
  private let path: String
  private let descriptor: Int32
  private let state = Mutex((byteCount: UInt64(0), hash: Keccak256()))
  /// So many bytes are copied at a time.
  private static let pieceByteCount = 1 << 20

  /// Nothing has come yet.
  ///
  /// - Parameter folder: on the disk that the upload is on.
  init(in folder: URL) throws(NetworkError) {
    path = folder.appending(path: "\(UUID().uuidString).part").path
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .fileFailed(path: path, operation: "write", reason: Files.lastSystemError())
    }
    unlink(path)
  }

  deinit { close(descriptor) }

  /// How many bytes have come.
  var byteCount: UInt64 { state.withLock { $0.byteCount } }

  /// Keccak-256 of them.
  var digest: Bytes32 {
    var hash = state.withLock { $0.hash }
    return hash.finalize()
  }

  /// Takes more bytes in; whoever does so waits until it is done before there are more.
  func add(_ pieces: [ByteBuffer]) throws(NetworkError) {
    var (byteCount, hash) = state.withLock { $0 }
    for piece in pieces {
      try asNetworkError {
        try piece.withUnsafeReadableBytes { bytes in
          hash.update(bytes)
          try Files.write(bytes, to: descriptor, at: byteCount, path)
        }
      }
      byteCount += UInt64(piece.readableBytes)
    }
    state.withLock { $0 = (byteCount, hash) }
  }

  /// Writes all of it to a place of another file.
  func copy(to target: Int32, at offset: UInt64, _ targetPath: String) throws(NetworkError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceByteCount, alignment: 64)
    defer { buffer.deallocate() }
    var place: UInt64 = 0
    while true {
      let count = try Files.read(descriptor, at: place, into: buffer, path)
      if count == 0 { return }
      try Files.write(
        UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: target, at: offset + place, targetPath)
      place += UInt64(count)
    }
  }
}
