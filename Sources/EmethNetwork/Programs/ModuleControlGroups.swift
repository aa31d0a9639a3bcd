import Foundation

/// The cgroups (version 2) that this process may make below its own, one for each run of a module.
struct ModuleControlGroups: Sendable {
  private let parent: URL

  /// Where they can be made; nil where there is no version 2, it is not ours, or it has not both controllers.
  static func find() -> ModuleControlGroups? {
    guard let text = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
    let own = text.split(separator: "\n").first { $0.hasPrefix("0::") }?.dropFirst(3)
    guard let own else { return nil }
    for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
      let folder = URL(filePath: root + own)
      let controllers =
        (try? String(contentsOf: folder.appending(path: "cgroup.subtree_control"), encoding: .utf8))?
        .split { $0.isWhitespace } ?? []
      guard controllers.contains("memory"), controllers.contains("pids") else { continue }
      if FileManager.default.isWritableFile(atPath: folder.path) {
        return ModuleControlGroups(parent: folder)
      }
    }
    return nil
  }

  /// A cgroup with a module's limits for all its processes together.
  func make(_ limits: ModuleManifest.Limits) throws(NetworkError) -> Group {
    let group = Group(folder: parent.appending(path: "emeth-module-\(UUID().uuidString)"))
    guard mkdir(group.folder.path, 0o755) == 0 else {
      throw .sandboxFailed(reason: "no cgroup can be made in \(parent.path): \(Files.lastSystemError())")
    }
    do throws(NetworkError) {
      try group.set("memory.max", to: "\(limits.memoryBytes)")
      // bubblewrap's own two processes are in it too.
      try group.set("pids.max", to: "\(limits.processes + 2)")
      return group
    } catch {
      group.remove()
      throw error
    }
  }

  struct Group {
    let folder: URL

    func add(_ process: pid_t) throws(NetworkError) { try set("cgroup.procs", to: "\(process)") }

    fileprivate func set(_ file: String, to value: String) throws(NetworkError) {
      do {
        try Data(value.utf8).write(to: folder.appending(path: file))
      } catch {
        throw .sandboxFailed(reason: "can't set \(file) of a cgroup: \(error.localizedDescription)")
      }
    }

    /// Takes it away; its processes have been killed and go in a moment.
    func remove() {
      for _ in 0..<50 {
        if rmdir(folder.path) == 0 || errno != EBUSY { return }
        usleep(10_000)
      }
    }
  }
}
