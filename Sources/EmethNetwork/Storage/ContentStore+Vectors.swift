import EmethKit
import Foundation

/// Masked vectors and sums, each under the root that is signed for it (`MaskedHasher`). They are public; an
/// update that is not masked has no place here.
extension ContentStore {
  /// The key of a vector.
  static func key(ofVector root: Bytes32) -> String {
    "vectors/\(Hex.encode(root.bytes, prefixed: false))"
  }

  /// Stores a vector under its root.
  func put(vector: Data, root: Bytes32) throws(NetworkError) {
    try keeper?(Self.key(ofVector: root))
    try place.write(vector, as: Self.key(ofVector: root), hash: nil, durable: true)
  }

  /// The vector with this root; refuses bytes that do not have it.
  func vector(_ root: Bytes32, work: VectorWork) throws(NetworkError) -> Data {
    try read(Self.key(ofVector: root), named: root) { work.root(of: $0) }
  }

  /// Deletes a vector that nobody needs any more; one that is absent is no error.
  func removeVector(_ root: Bytes32) throws(NetworkError) { try place.remove(Self.key(ofVector: root)) }
}
