import Foundation

/// The cgroups (version 2) that this process may make below its own, one for each run of a module.
struct ModuleControlGroups: Sendable {
  private let parent: URL

  /// The cgroup below its own into which this process goes: one that has processes may hand no limits on.
  private static let ownName = "emeth"

  /// Where they can be made; nil where there is no version 2, it is not ours, it lacks a controller, or others
  /// are in the same cgroup.
  static func find() -> ModuleControlGroups? {
    guard let text = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
    let own = text.split(separator: "\n").first { $0.hasPrefix("0::") }?.dropFirst(3)
    guard let own else { return nil }
    for mount in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
      let folder = URL(filePath: mount + own)
      if let groups = find(own: folder, process: getpid()) { return groups }
    }
    return nil
  }

  /// As above, of a process whose cgroup is in this folder.
  static func find(own folder: URL, process: pid_t) -> ModuleControlGroups? {
    // A run before this one went there already.
    let parent = folder.lastPathComponent == ownName ? folder.deletingLastPathComponent() : folder
    func controllers(_ file: String) -> Set<Substring> {
      let text = (try? String(contentsOf: parent.appending(path: file), encoding: .utf8)) ?? ""
      return Set(text.split { $0.isWhitespace })
    }
    let needed: Set<Substring> = ["memory", "pids"]
    guard controllers("cgroup.controllers").isSuperset(of: needed),
      FileManager.default.isWritableFile(atPath: parent.path)
    else { return nil }
    if controllers("cgroup.subtree_control").isSuperset(of: needed) {
      return ModuleControlGroups(parent: parent)
    }
    let own = Group(folder: parent.appending(path: ownName))
    guard mkdir(own.folder.path, 0o755) == 0 || errno == EEXIST else { return nil }
    do throws(NetworkError) {
      try own.add(process)
      try Group(folder: parent).set("cgroup.subtree_control", to: "+memory +pids")
      return ModuleControlGroups(parent: parent)
    } catch {
      try? Group(folder: parent).add(process)
      rmdir(own.folder.path)
      return nil
    }
  }

  /// A cgroup with a module's limits for all its processes together.
  func make(_ limits: ModuleManifest.Limits) throws(NetworkError) -> Group {
    let group = Group(folder: parent.appending(path: "emeth-module-\(UUID().uuidString)"))
    guard mkdir(group.folder.path, 0o755) == 0 else {
      throw .sandboxFailed(reason: "no cgroup can be made in \(parent.path): \(Files.lastSystemError())")
    }
    do throws(NetworkError) {
      try group.set("memory.max", to: "\(limits.memoryBytes)")
      // A kernel without swap has no such file.
      if group.has("memory.swap.max") { try group.set("memory.swap.max", to: "0") }
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

    /// Whether a process of it was killed for memory.
    var hasKilled: Bool {
      let text = (try? String(contentsOf: folder.appending(path: "memory.events"), encoding: .utf8)) ?? ""
      return text.split(separator: "\n").contains { $0.hasPrefix("oom_kill ") && $0 != "oom_kill 0" }
    }

    fileprivate func has(_ file: String) -> Bool {
      FileManager.default.fileExists(atPath: folder.appending(path: file).path)
    }

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
