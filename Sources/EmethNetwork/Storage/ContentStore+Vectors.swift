import EmethKit
import Foundation

/// Masked vectors and sums, each under the root that is signed for it (`MaskedHasher`). They are public; an
/// update that is not masked has no place here.
extension ContentStore {
  private func vectorFile(_ root: Bytes32) -> URL {
    folder.appending(path: "vectors").appending(path: Hex.encode(root.bytes, prefixed: false))
  }

  /// Stores a vector under its root.
  func put(vector: Data, root: Bytes32) throws(NetworkError) {
    try Files.makeFolder(folder.appending(path: "vectors"))
    try Files.write(vector, to: vectorFile(root))
  }

  /// The vector with this root; refuses bytes that do not have it.
  func vector(_ root: Bytes32, work: VectorWork) throws(NetworkError) -> Data {
    let file = vectorFile(root)
    guard FileManager.default.fileExists(atPath: file.path) else { throw .missingObject(hash: root) }
    let vector = try Files.read(file)
    let found = work.root(of: vector)
    guard found == root else { throw .corruptObject(hash: root, found: found) }
    return vector
  }

  /// Deletes a vector that nobody needs any more; one that is absent is no error.
  func removeVector(_ root: Bytes32) throws(NetworkError) { try Files.remove(vectorFile(root)) }
}
