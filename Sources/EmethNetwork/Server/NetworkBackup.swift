import EmethKit
import Foundation

/// A copy of a network's folder in one file, made while the network is served: a tar archive of its database, its
/// operator's seed and keys, its tokenizers, and the objects and files of jobs that lie in the folder.
///
/// ```swift
/// try NetworkBackup(folder: folder).write(to: file)
/// try NetworkBackup.restore(file, to: newFolder)
/// ```
/// The file is a secret, for whoever has the seed signs as the network. Of a network whose objects lie in a bucket it has
/// no objects. What was signed after the copy was made is not in it: see ``restore(_:to:)``.
public struct NetworkBackup: Sendable {
  /// What a backup holds.
  public struct Contents: Codable, Sendable, Hashable {
    /// The last epoch that was closed; 0 before the first.
    public var epoch: UInt64
    /// Objects in the folder.
    public var objects: Int
    /// Bytes of all files.
    public var bytes: UInt64
  }

  private static let database = "network.sqlite"
  private static let seed = "seed"
  private static let folders = [
    "objects", "splitter", "tokenizers", "job-files", SignerKeys.folderName,
  ]
  private let folder: URL

  /// A backup of the network in a folder.
  public init(folder: URL) { self.folder = folder }

  /// Writes the backup; the file appears whole or not at all, for its owner alone.
  ///
  /// The network's changes wait for a moment, in which it is said what is copied, and go on while it is.
  ///
  /// - Throws: ``NetworkError/fileFailed(path:operation:reason:)`` when there is no network, or the file can't be written;
  ///   ``NetworkError/folderInUse(path:holder:)`` while another backup is made.
  public func write(to file: URL) throws(NetworkError) -> Contents {
    let source = folder.appending(path: Self.database)
    guard FileManager.default.fileExists(atPath: source.path) else {
      throw .fileFailed(path: source.path, operation: "read", reason: "no network is there")
    }
    let copy = folder.appending(path: "backup")
    try Files.makeFolder(copy)
    try Files.setMode(0o700, of: copy)
    let lock = try FolderLock(folder: copy)
    defer { withExtendedLifetime(lock) { try? Files.remove(copy) } }
    // What an earlier one that was killed has left.
    for name in Self.folders + [Self.database] { try Files.remove(copy.appending(path: name)) }

    // Links keep the bytes of objects that are deleted meanwhile. Most are made before anybody has to wait.
    try link(to: copy)
    let database = try NetworkDatabase(file: source)
    try database.copy(to: copy.appending(path: Self.database)) { () throws(NetworkError) in try link(to: copy)
    }
    let held = try NetworkDatabase(file: copy.appending(path: Self.database)).read { db in
      try Ledger.audit(in: db)
      return try Signer.latestBatch(in: db)?.batch.epoch ?? 0
    }
    var contents = Contents(epoch: held, objects: 0, bytes: 0)
    let names = try Self.names(in: copy)
    try Files.write(to: file, mode: 0o600) { archive throws(NetworkError) in
      for (name, place) in [
        (Self.database, copy.appending(path: Self.database)), (Self.seed, folder.appending(path: Self.seed)),
      ] + names.map({ ($0, copy.appending(path: $0)) }) {
        try TarArchive.append(place, as: name, to: archive)
        contents.bytes += Files.byteCount(of: place) ?? 0
      }
      try TarArchive.end(archive)
    }
    contents.objects = names.count { Self.isObject($0) }
    return contents
  }

  /// Makes a network's folder from a backup, once every object has the bytes of its name and every balance follows from
  /// its entries.
  ///
  /// The network is as it was then. Epochs that the lost one closed later would be closed again, with other contents: who
  /// holds a later batch can prove two batches of one epoch. Restore the newest backup, and where tickets were handed out
  /// after it, settle with those accounts first. One that settles on a chain is not served until somebody has said that there
  /// are none (``ChainError/epochsLost(found:signed:file:)``).
  ///
  /// - Parameter folder: absent or empty.
  /// - Throws: ``NetworkError/malformed(what:reason:)``, ``NetworkError/corruptObject(hash:found:)``,
  ///   ``NetworkError/inconsistent(what:)``; nothing is left in the folder then.
  public static func restore(_ file: URL, to folder: URL) throws(NetworkError) -> Contents {
    let present = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    guard present.isEmpty else {
      throw .fileFailed(path: folder.path, operation: "restore to", reason: "it is not empty")
    }
    let draft = folder.deletingLastPathComponent().appending(path: ".\(folder.lastPathComponent).restoring")
    try Files.remove(draft)
    try Files.makeFolder(draft)
    do throws(NetworkError) {
      try TarArchive.unpack(file) { name throws(NetworkError) in
        guard isName(name) else {
          throw NetworkError.malformed(
            what: "backup \(file.path)", reason: "\(name.debugDescription) belongs to no network")
        }
        return draft.appending(path: name)
      }
      for name in [database, seed] where Files.byteCount(of: draft.appending(path: name)) == nil {
        throw NetworkError.malformed(what: "backup \(file.path)", reason: "it has no \(name)")
      }
      let contents = try check(draft)
      let domain = try NetworkDatabase(file: draft.appending(path: database)).read { db in
        try Setting.domain(in: db)
      }
      if domain != .embedded { try SignedEpochMark(folder: draft).noteCopy() }
      // Takes the place of an empty folder, and of nothing else.
      guard rename(draft.path, folder.path) == 0 else {
        throw NetworkError.fileFailed(path: folder.path, operation: "write", reason: Files.lastSystemError())
      }
      return contents
    } catch {
      try? Files.remove(draft)
      throw error
    }
  }

  // MARK: - Objects

  private func link(to copy: URL) throws(NetworkError) {
    for name in try Self.names(in: folder) {
      let target = copy.appending(path: name)
      try Files.makeFolder(target.deletingLastPathComponent())
      guard Foundation.link(folder.appending(path: name).path, target.path) != 0, errno != EEXIST,
        errno != ENOENT
      else { continue }
      throw .fileFailed(path: target.path, operation: "write", reason: Files.lastSystemError())
    }
  }

  /// Names of finished files in the folders of a network.
  private static func names(in folder: URL) throws(NetworkError) -> [String] {
    var names: [String] = []
    for top in folders {
      guard let walk = FileManager.default.enumerator(atPath: folder.appending(path: top).path) else {
        continue
      }
      for case let path as String in walk where isName("\(top)/\(path)") {
        if Files.byteCount(of: folder.appending(path: "\(top)/\(path)")) != nil {
          names.append("\(top)/\(path)")
        }
      }
    }
    return names.sorted()
  }

  /// Whether a file is an object, and no tokenizer's or key's.
  private static func isObject(_ name: String) -> Bool {
    name.hasPrefix("objects/") || name.hasPrefix("splitter/")
  }

  /// Whether a file of a network's folder may be called so: parts that are no hidden names, in one of its folders.
  private static func isName(_ name: String) -> Bool {
    if name == database || name == seed { return true }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return (2...5).contains(parts.count) && folders.contains(String(parts[0]))
      && parts.allSatisfy { part in
        part.first != "." && (1...128).contains(part.utf8.count)
          && part.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
              || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
              || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "-")
              || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
          }
      }
  }

  /// Compares every object with its name, and every balance with its entries.
  private static func check(_ folder: URL) throws(NetworkError) -> Contents {
    try Files.setMode(0o700, of: folder)
    var contents = Contents(epoch: 0, objects: 0, bytes: 0)
    for name in [database, seed] { contents.bytes += Files.byteCount(of: folder.appending(path: name)) ?? 0 }
    contents.epoch = try NetworkDatabase(file: folder.appending(path: database)).read { db in
      try Ledger.audit(in: db)
      return try Signer.latestBatch(in: db)?.batch.epoch ?? 0
    }
    for name in try names(in: folder) {
      let file = folder.appending(path: name)
      contents.bytes += Files.byteCount(of: file) ?? 0
      guard isObject(name) else { continue }
      contents.objects += 1
      // Vectors are named by a root of another form, which whoever reads them compares; data sets' givers are empty.
      let parts = name.split(separator: "/")
      guard parts.count == 3, parts[1].utf8.count == 2, let hash = try? Bytes32(hex: String(parts[2])) else {
        continue
      }
      let found = try Files.hash(of: file)
      guard found == hash else { throw .corruptObject(hash: hash, found: found) }
    }
    return contents
  }
}
