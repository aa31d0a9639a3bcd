import EmethKit
import Foundation

/// Who has given which data set, all of its bytes: empty files in the Splitter's own folder.
///
/// The hash of a data set is in its job's public record. Whoever could name one without having it would get a node of
/// its own to open it.
struct DataSetGivers: Sendable {
  private let folder: URL

  init(splitterStore: ContentStore) { folder = splitterStore.folder.appending(path: "givers") }

  private func file(_ account: Address, _ hash: Bytes32) -> URL {
    folder.appending(path: "\(Hex.encode(hash.bytes, prefixed: false))-\(account)")
  }

  /// Notes that an account has given all bytes of a data set, which lies in its place already.
  func add(_ account: Address, of hash: Bytes32) throws(NetworkError) {
    try Files.makeFolder(folder)
    try Files.write(Data(), to: file(account, hash))
  }

  /// Whether an account has given a data set.
  func contains(_ account: Address, of hash: Bytes32) throws(NetworkError) -> Bool {
    FileManager.default.fileExists(atPath: file(account, hash).path)
  }
}
