import EmethKit
import Foundation

/// bubblewrap's namespaces, with limits set before the module begins: where modules run that name no image.
///
/// No network, no file of the machine but `/usr` (read-only), a folder for temporary files in memory that goes
/// with the run, no environment, no other process in sight. Memory, processor time, processes and file sizes
/// of each process are limited by setrlimit; memory and processes of all together by a cgroup where the
/// machine lets one be made.
struct Bubblewrap: Sendable {
  private let bubblewrap: String
  private let prlimit: String
  /// Gives a superuser's rights away before anything else: a superuser has no limit of processes.
  private let setpriv: String?
  private let groups: ModuleControlGroups?
  /// Whether the module can make no user namespaces of its own.
  private var hasNoUserNamespaces = true

  /// That of this machine, tried out once.
  ///
  /// - Throws: ``NetworkError/sandboxFailed(reason:)``.
  init(path: String) throws(NetworkError) {
    func tool(_ name: String, of package: String) throws(NetworkError) -> String {
      guard let found = ModuleProcess.program(name, in: path) else {
        throw .sandboxFailed(reason: "\(name), of the package \(package), is missing")
      }
      return found
    }
    bubblewrap = try tool("bwrap", of: "bubblewrap")
    prlimit = try tool("prlimit", of: "util-linux")
    setpriv = geteuid() == 0 ? try tool("setpriv", of: "util-linux") : nil
    groups = ModuleControlGroups.find()
    do throws(NetworkError) {
      try probe()
    } catch {
      // Bubblewrap before 0.8 can't forbid them.
      hasNoUserNamespaces = false
      try probe()
    }
  }

  /// What holds here, in words.
  var summary: String {
    "bubblewrap; memory, processor time, processes and files of each process limited by setrlimit; "
      + (groups == nil
        ? "memory of all processes together is not limited: no cgroup v2 can be made here"
        : "memory and processes together limited by cgroup v2")
      + (hasNoUserNamespaces
        ? "" : "; user namespaces inside it can't be forbidden: bubblewrap 0.8 is needed")
  }

  private func probe() throws(NetworkError) {
    let ended = try ModuleProcess.run(
      prefix + root + ["--remount-ro", "/", "--"] + limiting(ModuleManifest.Limits())
        + [prlimit, "--version"],
      seconds: 30, stop: StopFlag()
    ) { _ in }
    guard ended.status == .exited(0) else {
      throw .sandboxFailed(
        reason: "bubblewrap can't set it up here: \(ended.lastLine ?? "it ended as \(ended.status)")")
    }
  }

  /// Runs a command on the files of a folder.
  func run(
    _ command: [String], of manifest: ModuleManifest, in folder: URL, job: JobID, stop: StopFlag
  ) throws(NetworkError) -> ModuleRun {
    let group = try groups?.make(manifest.limits)
    defer { group?.remove() }
    let ended = try ModuleProcess.run(
      arguments(command, of: manifest, in: folder, job: job, waits: group != nil),
      seconds: manifest.limits.seconds, stop: stop
    ) { process throws(NetworkError) in try group?.add(process) }
    // Its own word is that the command ended; a sandbox that was killed itself is like a module that was.
    if case .exited(let status) = ended.status, !ended.commandEnded, status != 128 + SIGKILL {
      throw .sandboxFailed(reason: ended.lastLine ?? "bubblewrap ended with exit status \(status)")
    }
    return ModuleRun(
      status: ended.status, lastLine: ended.lastLine, hasKilledForMemory: group?.hasKilled ?? false)
  }

  // MARK: - The command line

  private var prefix: [String] {
    let user = "\(ModuleSandbox.nobody)"
    return (setpriv.map { ["\($0)", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"] } ?? []) + [
      bubblewrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv",
      "--uid", user, "--gid", user, "--cap-drop", "ALL", "--hostname", "module",
      "--json-status-fd", "\(ModuleProcess.report)",
    ] + (hasNoUserNamespaces ? ["--disable-userns"] : [])
  }

  private func limiting(_ limits: ModuleManifest.Limits) -> [String] {
    [
      prlimit, "--as=\(limits.memoryBytes)", "--cpu=\(limits.cpuSeconds):\(limits.cpuSeconds + 1)",
      "--nproc=\(limits.processes)", "--fsize=\(limits.outputBytes)", "--core=0", "--nofile=1024", "--",
    ]
  }

  /// The file system: /usr, and what leads there.
  private var root: [String] {
    var words = ["--ro-bind", "/usr", "/usr"]
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
      if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/\(name)") {
        words += ["--symlink", target, "/\(name)"]
      } else if FileManager.default.fileExists(atPath: "/\(name)") {
        words += ["--ro-bind", "/\(name)", "/\(name)"]
      }
    }
    for name in ["/etc/ld.so.cache", "/etc/alternatives"] { words += ["--ro-bind-try", name, name] }
    return words + ["--proc", "/proc", "--dev", "/dev"]
  }

  private func arguments(
    _ command: [String], of manifest: ModuleManifest, in folder: URL, job: JobID, waits: Bool
  ) -> [String] {
    let limits = manifest.limits
    let room = "\(max(limits.outputBytes, 16 << 20))"
    func path(_ name: String) -> String { folder.appending(path: name).path }
    var words = prefix + root
    if waits { words += ["--block-fd", "\(ModuleProcess.gate)"] }
    words += [
      "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8",
      "--ro-bind", path("module"), "/module", "--size", room, "--tmpfs", "/dev/shm", "--remount-ro", "/dev",
      "--size", room, "--tmpfs", "/tmp",
    ]
    switch manifest.mode {
    case .folders:
      words += [
        "--size", room, "--tmpfs", "/output", "--bind", path("output"), "/output/output-\(job).dat",
        "--bind", path("errors"), "/output/error.json", "--ro-bind", path("input"),
        "/input/input-\(job).dat",
      ]
    case .direct: words += ["--ro-bind", path("input"), "/input", "--bind", path("output"), "/output"]
    }
    return words + ["--remount-ro", "/", "--chdir", "/tmp", "--"] + limiting(limits) + command
  }
}
