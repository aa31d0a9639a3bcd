import EmethKit
import Foundation

/// What a node has taken and not put away yet, on its disk before it asks for it: whoever is killed between
/// asking and answer finds its deposit again.
struct NodeJournal {
  let folder: URL

  private func file(_ subJob: JobID) -> URL { folder.appending(path: "\(subJob)") }

  /// Notes a SubJob that is about to be taken.
  func begin(_ subJob: JobID) throws(NetworkError) {
    try Files.makeFolder(folder)
    try Files.write(Data("\(secondsNow())\n".utf8), to: file(subJob))
  }

  /// Puts a SubJob away.
  func end(_ subJob: JobID) throws(NetworkError) { try Files.remove(file(subJob)) }

  /// What was taken and not put away, in no order.
  func all() throws(NetworkError) -> [JobID] {
    guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
    return try asNetworkError { try FileManager.default.contentsOfDirectory(atPath: folder.path) }
      .compactMap { try? JobID(hex: $0) }
  }
}
