import COpenSSL

/// The root of the state tree of PROTOCOL 7: RFC 6962 over SHA-256 with leaves of 1 MiB of the state stream.
extension TrainingState {
  /// 32 bytes that commit to every bit of the state, computed on the caller's thread.
  public var root: [UInt8] { root(on: nil) }

  /// As `root`, the leaves hashed on the threads of `device`.
  public func root(on device: Device?) -> [UInt8] {
    StateTree.root(of: leafHashes(on: device)[...])
  }

  /// SHA-256(0x00 ‖ leaf) of each 1 MiB leaf, in order.
  public func leafHashes(on device: Device? = nil) -> [[UInt8]] {
    let total = Self.encodedByteCount(of: configuration)
    let count = leafCount
    return [[UInt8]](unsafeUninitializedCapacity: count) { hashes, initialized in
      let target = UncheckedTarget(hashes: hashes)
      let hash = { @Sendable (index: Int) in
        let lower = index * Self.leafByteCount
        let digest = StateTree.digest { update in
          withUnsafeBytes(of: UInt8(0x00), update)
          self.forEachPiece(of: lower..<min(lower + Self.leafByteCount, total), update)
        }
        target.hashes.initializeElement(at: index, to: digest)
      }
      if let device {
        device.forEach(count, hash)
      } else {
        (0..<count).forEach(hash)
      }
      initialized = count
    }
  }

  /// Each thread writes its own elements only.
  private struct UncheckedTarget: @unchecked Sendable {
    let hashes: UnsafeMutableBufferPointer<[UInt8]>
  }
}

/// RFC 6962's tree over SHA-256.
enum StateTree {
  /// SHA-256 of all bytes that `body` hands to its argument.
  static func digest(_ body: ((UnsafeRawBufferPointer) -> Void) -> Void) -> [UInt8] {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    var digest = [UInt8](repeating: 0, count: 32)
    var sound = EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    body { bytes in sound = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 && sound }
    sound = EVP_DigestFinal_ex(context, &digest, nil) == 1 && sound
    precondition(sound, "SHA-256 is part of every OpenSSL")
    return digest
  }

  /// The root over the hashes of leaves; of none it is SHA-256 of nothing.
  static func root(of hashes: ArraySlice<[UInt8]>) -> [UInt8] {
    guard let first = hashes.first else { return digest { _ in } }
    guard hashes.count > 1 else { return first }
    // The left tree is the largest full one that leaves something for the right.
    let left = 1 << (Int.bitWidth - 1 - (hashes.count - 1).leadingZeroBitCount)
    let node = [0x01] + root(of: hashes.prefix(left)) + root(of: hashes.dropFirst(left))
    return digest { update in node.withUnsafeBytes(update) }
  }
}
