import EmethKit
import Foundation

/// Where external modules run: bubblewrap's namespaces, with limits set before the module begins.
///
/// No network, no file of the machine but `/usr` (read-only), a folder for temporary files in memory that goes
/// with the run, no environment, no other process in sight. Memory, processor time, processes and file sizes
/// of each process are limited by setrlimit; memory and processes of all together by a cgroup where the
/// machine lets one be made. See Docs/Decisions/0023-programs.md.
public struct ModuleSandbox: Sendable {
  /// What came of a run.
  public enum Outcome: Sendable, Hashable {
    /// The module ended well; `remarks` is what it wrote to error.json.
    case output(Data, remarks: [String])
    /// It said no, or broke a limit that is the same everywhere.
    case failed(String)
    /// It did not get to its end: too slow a machine, too little memory or disk. Elsewhere it may. `isLimit`: it used up
    /// the time that its own manifest gives it.
    case cutShort(String, isLimit: Bool)
  }

  private let bubblewrap: String
  private let prlimit: String
  /// Gives a superuser's rights away before anything else: a superuser has no limit of processes.
  private let setpriv: String?
  private let groups: ModuleControlGroups?
  /// Whether the module can make no user namespaces of its own.
  private var hasNoUserNamespaces = true
  /// Where the folders of runs are made; nil: among the temporary files.
  private var workplace: URL?

  private init(bubblewrap: String, prlimit: String, setpriv: String?, groups: ModuleControlGroups?) {
    self.bubblewrap = bubblewrap
    self.prlimit = prlimit
    self.setpriv = setpriv
    self.groups = groups
  }

  /// Who runs modules where this process is a superuser's, and who they are inside: nobody.
  static let nobody: UInt32 = 65_534

  /// The sandbox of this machine, tried out once.
  ///
  /// - Throws: ``NetworkError/sandboxFailed(reason:)``.
  public static func find() throws(NetworkError) -> ModuleSandbox {
    try find(in: ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
  }

  static func find(in path: String) throws(NetworkError) -> ModuleSandbox {
    func tool(_ name: String, of package: String) throws(NetworkError) -> String {
      let found = path.split(separator: ":").map { "\($0)/\(name)" }
        .first { FileManager.default.isExecutableFile(atPath: $0) }
      guard let found else { throw .sandboxFailed(reason: "\(name), of the package \(package), is missing") }
      return found
    }
    var sandbox = ModuleSandbox(
      bubblewrap: try tool("bwrap", of: "bubblewrap"), prlimit: try tool("prlimit", of: "util-linux"),
      setpriv: geteuid() == 0 ? try tool("setpriv", of: "util-linux") : nil,
      groups: ModuleControlGroups.find())
    do throws(NetworkError) {
      try sandbox.probe()
    } catch {
      // Bubblewrap before 0.8 can't forbid them.
      sandbox.hasNoUserNamespaces = false
      try sandbox.probe()
    }
    return sandbox
  }

  /// The same, which keeps parts in a network's folder while they are computed, and not among the temporary
  /// files. Where this process is a superuser's the module is nobody's, who may not get there.
  func working(below folder: URL) -> ModuleSandbox {
    var sandbox = self
    if setpriv == nil { sandbox.workplace = folder.appending(path: "modules") }
    return sandbox
  }

  /// What holds here, in words.
  public var summary: String {
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

  /// Runs a module on one part.
  ///
  /// - Parameters:
  ///   - job: the SubJob, by which input and output are called.
  ///   - parameters: arguments by their keys, before the job and the folders.
  ///   - stop: ends the run.
  /// - Throws: ``NetworkError/sandboxFailed(reason:)``, ``NetworkError/interrupted``, or an error of a file: no
  ///   fault of the module.
  public func run(
    _ module: ProgramModule, part: Data, job: JobID, parameters: [String: String] = [:],
    stop: StopFlag = StopFlag()
  ) throws(NetworkError) -> Outcome {
    let held = try ModuleFolder(in: workplace ?? FileManager.default.temporaryDirectory)
    defer { held.remove() }
    let folder = held.url
    try module.copy(to: folder.appending(path: "module"))
    try Files.write(part, to: folder.appending(path: "input"), durable: false, mode: 0o600)
    let limits = module.manifest.limits
    // Both are there before the module is, and it gets these files and not their folder: it can put neither a
    // link nor another file in their place.
    let output = try HeldFile(folder.appending(path: "output"))
    let errors = try HeldFile(folder.appending(path: "errors"))
    if setpriv != nil { try giveAway(folder) }
    let group = try groups?.make(limits)
    defer { group?.remove() }
    let ended = try ModuleProcess.run(
      arguments(of: module.manifest, in: folder, job: job, parameters: parameters, waits: group != nil),
      seconds: limits.seconds, stop: stop
    ) { process throws(NetworkError) in try group?.add(process) }
    switch ended.status {
    case .stopped: throw .interrupted
    case .outOfTime: return .cutShort("it ran longer than \(limits.seconds) s", isLimit: true)
    case .exited(let status) where !ended.commandEnded:
      if status == 128 + SIGKILL { return .cutShort("its sandbox was killed", isLimit: false) }
      throw .sandboxFailed(reason: ended.lastLine ?? "bubblewrap ended with exit status \(status)")
    case .exited(let status):
      let said = Self.remarks(try errors.read(atMost: 64 << 10).bytes ?? Data())
      let words = Self.reason(status, limits) + ((said.first ?? ended.lastLine).map { ": \($0)" } ?? "")
      let lack = Self.lack(
        status, hasKilled: group?.hasKilled ?? false, freeBytes: held.freeBytes, limits)
      if let lack {
        return .cutShort(
          [lack, status == 0 ? "" : words].filter { !$0.isEmpty }.joined(separator: ": "),
          isLimit: lack.isEmpty && status == 128 + SIGXCPU)
      }
      guard status == 0 else { return .failed(words) }
      switch try output.read(atMost: Int(clamping: limits.outputBytes)) {
      case .bytes(let bytes): return .output(bytes, remarks: said)
      case .tooMany: return .failed("its output has more than \(limits.outputBytes) bytes")
      case .shrunk: return .failed("its output became shorter while it was read")
      }
    }
  }

  /// What the machine lacked, so that a run says nothing, however it ended: a module may well end with 0 after a process
  /// of it was killed or could not write; empty where the exit status says it, nil where nothing is known to have been
  /// missing.
  ///
  /// A signal depends on the machine: too slow, too small, or without an instruction that others have. That a file has
  /// become too large does not.
  static func lack(
    _ status: Int32, hasKilled: Bool, freeBytes: UInt64?, _ limits: ModuleManifest.Limits
  ) -> String? {
    if hasKilled { return "memory was too small" }
    if let freeBytes, freeBytes < limits.outputBytes {
      return "the disk for the output has \(freeBytes) bytes left"
    }
    return isSignal(status) && status != 128 + SIGXFSZ ? "" : nil
  }

  private static func isSignal(_ status: Int32) -> Bool { (129...128 + 64).contains(status) }

  // MARK: - The command line

  private var prefix: [String] {
    (setpriv.map { ["\($0)", "--reuid=\(Self.nobody)", "--regid=\(Self.nobody)", "--clear-groups"] } ?? [])
      + [
        bubblewrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv",
        "--uid", "\(Self.nobody)", "--gid", "\(Self.nobody)", "--cap-drop", "ALL", "--hostname", "module",
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
    of manifest: ModuleManifest, in folder: URL, job: JobID, parameters: [String: String], waits: Bool
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
    words += ["--remount-ro", "/", "--chdir", "/tmp", "--"] + limiting(limits)
    for (place, word) in manifest.command.enumerated() {
      words.append(place == 0 && manifest.files[word] != nil ? "/module/\(word)" : word)
    }
    return words + Self.arguments(for: parameters) + ["\(job)", "/input", "/output"]
  }

  /// Parameters as the module contract has them: `--key-name value` for `keyName`; only the first underscore
  /// becomes a dash.
  static func arguments(for parameters: [String: String]) -> [String] {
    parameters.sorted { $0.key < $1.key }.flatMap { key, value in
      var name = key.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
      if let underscore = name.firstIndex(of: "_") {
        name.replaceSubrange(underscore...underscore, with: "-")
      }
      return ["--\(name)", value]
    }
  }

  // MARK: - What it leaves

  /// What an error.json says: `{"errors": [text, …]}`.
  private static func remarks(_ data: Data) -> [String] {
    struct Errors: Decodable { var errors: [String] }
    return ((try? JSONDecoder().decode(Errors.self, from: data))?.errors ?? []).prefix(20)
      .map { ModuleProcess.shown($0) }
  }

  /// What an exit status means: 128 and above are signals.
  private static func reason(_ status: Int32, _ limits: ModuleManifest.Limits) -> String {
    switch status - 128 {
    case SIGXCPU: "it used more than \(limits.cpuSeconds) s of processor time"
    case SIGXFSZ: "it wrote a file of more than \(limits.outputBytes) bytes"
    case SIGKILL: "it was killed, for memory or processor time"
    case let signal where isSignal(status): "it was ended by signal \(signal)"
    default: "it ended with exit status \(status)"
    }
  }

  /// Makes a folder and what is in it nobody's, who runs the module where this process is a superuser's.
  private func giveAway(_ folder: URL) throws(NetworkError) {
    let inside = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    for path in [folder.path] + inside.map({ folder.appending(path: $0).path }) {
      guard lchown(path, Self.nobody, Self.nobody) == 0 else {
        throw .fileFailed(path: path, operation: "give away", reason: Files.lastSystemError())
      }
    }
  }
}
