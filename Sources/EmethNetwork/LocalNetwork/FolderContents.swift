import EmethKit
import Foundation

/// The files of a finished job's folder: written into its manifest, and compared with it.
struct FolderContents {
  /// Where the manifest lies.
  static let manifestPath = "job/manifest.json"
  /// Says which process works on the folder; nothing when none does.
  static let lockPath = "job/lock"
  /// What in `job/` only the network needs.
  private static let workingNames: Set<String> = [
    "network.sqlite", "nodes", "objects", "seed", "tokenizers", "splitter", "verifiers", "aggregator",
    "vocabulary-mask",
  ]

  let folder: URL

  /// The most folders that lie one in another.
  private static let depthLimit = 16
  /// The most files and folders.
  private static let countLimit = 1_000_000

  /// What lies in the folder, each list in the order of its bytes.
  struct Listing {
    /// The files that a manifest covers.
    var files: [String] = []
    /// What is neither a file nor a folder, such as a link: it is not followed, not read, and in no manifest.
    var foreign: [String] = []
  }

  /// All files that a manifest covers, by path.
  ///
  /// Left out are the manifest itself and the lock.
  func paths() throws(NetworkError) -> [String] { try listing().files }

  /// All that lies in the folder but the manifest itself and the lock. Links in it are not followed: a stranger's may
  /// lead anywhere, back to where they lie too.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for a folder that no job leaves: too deep, or too full.
  func listing() throws(NetworkError) -> Listing {
    var found = Listing()
    var count = 0
    // Folders still to be looked into; the first is the one that was named, by a link or not.
    var places = [(path: "", depth: 0)]
    while let (place, depth) = places.popLast() {
      let here = place.isEmpty ? folder : folder.appending(path: place)
      let names: [String]
      do {
        names = try FileManager.default.contentsOfDirectory(atPath: here.path)
      } catch {
        throw .fileFailed(path: here.path, operation: "list", reason: error.localizedDescription)
      }
      count += names.count
      guard count <= Self.countLimit, depth <= Self.depthLimit else {
        throw .malformed(
          what: here.path,
          reason: "a job's folder has at most \(Self.countLimit) files and folders, "
            + "\(Self.depthLimit) one in another")
      }
      for name in names {
        let path = place.isEmpty ? name : "\(place)/\(name)"
        var status = stat()
        // What went in between is not there.
        guard lstat(folder.appending(path: path).path, &status) == 0 else { continue }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: places.append((path, depth + 1))
        case S_IFREG: if path != Self.manifestPath, path != Self.lockPath { found.files.append(path) }
        default: found.foreign.append(path)
        }
      }
    }
    found.files.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    found.foreign.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return found
  }

  /// Refuses a folder with anything in it that is neither a file nor a folder, before anything of it is read: a pipe would
  /// be waited for, a link leads out of it.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)``.
  func refuseForeign() throws(NetworkError) {
    guard let first = try listing().foreign.first else { return }
    throw .malformed(
      what: folder.appending(path: first).path,
      reason: "it is not in the manifest, and neither a file nor a folder: a link, a pipe or a device")
  }

  /// Deletes what writers that were killed left unfinished.
  func removeUnfinished() throws(NetworkError) {
    for path in try paths() where path.hasSuffix(".partial") {
      if path.split(separator: "/").last?.hasPrefix(".") ?? false {
        try Files.remove(folder.appending(path: path))
      }
    }
  }

  static func isWorking(_ path: String) -> Bool {
    let parts = path.split(separator: "/", maxSplits: 2)
    return parts.count > 1 && parts[0] == "job" && workingNames.contains(String(parts[1]))
  }

  /// The entry of a file as it is now.
  func entry(_ path: String) throws(NetworkError) -> FolderManifest.File {
    let data = try Files.read(folder.appending(path: path))
    return FolderManifest.File(
      path: path, size: UInt64(data.count), hash: data.withUnsafeBytes { SHA256.hash($0) },
      isWorking: Self.isWorking(path))
  }

  /// A manifest of all files as they are now, but for what goes when the network that signs it is closed.
  func manifest(of job: JobID) throws(NetworkError) -> FolderManifest {
    var files: [FolderManifest.File] = []
    for path in try paths() where !Self.isOfOpenDatabase(path) { files.append(try entry(path)) }
    return FolderManifest(jobID: job, files: files)
  }

  /// Every file that is not as the manifest says, in words.
  func differences(from manifest: FolderManifest) throws(NetworkError) -> [String] {
    var differences: [String] = []
    let present = Set(try paths())
    for file in manifest.files {
      guard present.contains(file.path) else {
        if !file.isWorking { differences.append("\(file.path) is missing") }
        continue
      }
      let found = try entry(file.path)
      if found.size != file.size {
        differences.append("\(file.path) has \(found.size) bytes, the manifest says \(file.size)")
      } else if found.hash != file.hash {
        differences.append("\(file.path) was changed: its SHA-256 is \(found.hash), signed was \(file.hash)")
      }
    }
    for path in present.subtracting(manifest.files.map(\.path)).sorted() {
      differences.append(
        "\(path) is not in the manifest"
          + (Self.isOfOpenDatabase(path)
            ? ": a process has the network open or was killed, or an earlier version left it; a folder is verified "
              + "without job/network.sqlite and what is beside it, too" : ""))
    }
    if let problem = lockProblem() { differences.append(problem) }
    return differences
  }

  /// What SQLite keeps beside a database as long as it is open, and takes into it when it is closed.
  private static func isOfOpenDatabase(_ path: String) -> Bool {
    ["job/network.sqlite-wal", "job/network.sqlite-shm"].contains(path)
  }

  /// What the lock holds that is no process.
  private func lockProblem() -> String? {
    guard let lock = try? Data(contentsOf: folder.appending(path: Self.lockPath)), !lock.isEmpty else {
      return nil
    }
    let digits = lock.last == UInt8(ascii: "\n") ? lock.dropLast() : lock
    let isProcess = (1...10).contains(digits.count) && digits.allSatisfy { (0x30...0x39).contains($0) }
    return isProcess ? nil : "\(Self.lockPath) has \(lock.count) bytes that name no process"
  }
}
