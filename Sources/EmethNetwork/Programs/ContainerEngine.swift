import EmethKit
import Foundation

/// Podman, Docker, or what takes their words: where modules run that name an image.
///
/// The image must be on this machine; nothing is ever fetched. A container without a network, its file system
/// read-only, as a user without rights; memory and processes of all in it together limited by a cgroup, processor
/// time and file sizes of each process by setrlimit.
struct ContainerEngine: Sendable {
  /// The program's path.
  private let program: String
  /// What it says with `--version`.
  private var version = ""
  private let environment: [String: String]

  /// Above what any module may have: it counts what its user runs elsewhere, too.
  private static let processLimit: UInt64 = 8_192
  /// RLIMIT_NPROC, which the headers show to GNU's own dialect only.
  private static let processResource: Int32 = 6
  /// What the engine's own threads take while a container starts.
  private static let leastProcesses: UInt64 = 16
  /// How long the engine may take for anything but a module's own work.
  private static let patience: UInt64 = 120

  /// The engine of this name, which answers.
  ///
  /// - Throws: ``NetworkError/sandboxFailed(reason:)``.
  init(_ name: String, path: String) throws(NetworkError) {
    let found = name.contains("/") ? name : ModuleProcess.program(name, in: path)
    guard let found, FileManager.default.isExecutableFile(atPath: found) else {
      throw .sandboxFailed(reason: "the container engine \(name) is missing")
    }
    program = found
    // What engines look at; other settings of this process are none of theirs.
    environment = ProcessInfo.processInfo.environment.filter { key, _ in
      ["PATH", "HOME", "USER", "TMPDIR"].contains(key)
        || ["XDG_", "DBUS_", "DOCKER_", "CONTAINER", "PODMAN_", "STORAGE_"].contains { key.hasPrefix($0) }
    }
    version = try said(["--version"]) ?? ""
    let limits = try said(
      ["info", "--format", isPodman ? "{{.Host.CgroupControllers}}" : "{{.MemoryLimit}} {{.PidsLimit}}"])
    let has = Set((limits ?? "").split { " []".contains($0) })
    // They would leave a limit out and only warn.
    guard isPodman ? has.isSuperset(of: ["memory", "pids"]) : has == ["true"] else {
      throw .sandboxFailed(
        reason: "\(version) can't limit memory and processes here: it says \(limits ?? "nothing")")
    }
  }

  private var isPodman: Bool { version.hasPrefix("podman") }

  /// What holds here, in words.
  var summary: String {
    "containers of \(version): memory and processes together limited by cgroups, processor time and files of each process "
      + "by setrlimit"
  }

  /// Refuses an image that is not on this machine, or brings volumes: they are writable, on the disk, and outlast a run.
  func check(_ image: String) throws(NetworkError) {
    let found: String
    do throws(NetworkError) {
      found = try said(["image", "inspect", "--format", "{{.Id}} {{len .Config.Volumes}}", image]) ?? ""
    } catch {
      guard case .sandboxFailed(let words) = error else { throw error }
      throw missing(image, words)
    }
    let words = found.split(separator: " ")
    guard words.count == 2, Self.isSame(String(words[0]), image) else {
      throw missing(image, "\(program) names \(found)")
    }
    guard words[1] == "0" else {
      throw .sandboxFailed(reason: "the image \(image) has volumes, which no module may have")
    }
  }

  private func missing(_ image: String, _ words: String) -> NetworkError {
    .sandboxFailed(
      reason:
        "the image \(image) is not on this machine (\(words)): fetch or load it with \(program), which shows "
        + "its ID as `image inspect --format {{.Id}}`")
  }

  /// Runs a command on the files of a folder.
  ///
  /// Its container, called ``name(in:)``, is there afterwards: see ``remove(_:)``.
  func run(
    _ command: [String], in image: String, of manifest: ModuleManifest, in folder: URL, job: JobID,
    stop: StopFlag
  ) throws(NetworkError) -> ModuleRun {
    let name = Self.name(in: folder)
    _ = try said(
      ["create", "--name", name] + settings(of: manifest, in: folder, job: job) + [image] + command)
    guard Self.isSame(try said(["inspect", "--format", "{{.Image}}", name]), image) else {
      throw .sandboxFailed(reason: "\(version) made a container of another image than \(image)")
    }
    let ended = try ModuleProcess.run(
      [program, "start", "--attach", name], environment: environment, seconds: manifest.limits.seconds,
      stop: stop)
    guard case .exited = ended.status else {
      return ModuleRun(status: ended.status, lastLine: ended.lastLine, hasKilledForMemory: false)
    }
    // Its own record tells how the module ended: the exit status of `start` may also be the engine's.
    let state = try said(
      ["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", name])
    let words = (state ?? "").split(separator: " ")
    guard words.count == 3, words[0] == "exited" || words[0] == "stopped", let status = Int32(words[1]) else {
      throw .sandboxFailed(
        reason: "\(version) did not start it: \(ended.lastLine ?? state ?? "it does not say why")")
    }
    return ModuleRun(
      status: .exited(status), lastLine: ended.lastLine, hasKilledForMemory: words[2] == "true")
  }

  // MARK: - Containers

  private func settings(of manifest: ModuleManifest, in folder: URL, job: JobID) -> [String] {
    let limits = manifest.limits
    let room = max(limits.outputBytes, 16 << 20)
    let user =
      geteuid() == 0 ? "\(ModuleSandbox.nobody):\(ModuleSandbox.nobody)" : "\(geteuid()):\(getegid())"
    func bind(_ name: String, _ place: String, _ mode: String) -> [String] {
      ["--volume", "\(folder.appending(path: name).path):\(place):\(mode)"]
    }
    var words = [
      "--init", "--pull", "never", "--network", "none", "--read-only", "--no-healthcheck",
      "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", user, "--hostname", "module",
      "--log-driver", "none", "--entrypoint", "", "--workdir", "/tmp", "--env", "HOME=/tmp", "--env",
      "LANG=C.UTF-8", "--pids-limit",
      "\(max(limits.processes + 1, Self.leastProcesses))", "--memory", "\(limits.memoryBytes)",
      "--memory-swap", "\(limits.memoryBytes)", "--ulimit",
      "cpu=\(limits.cpuSeconds):\(limits.cpuSeconds + 1)",
      "--ulimit", "fsize=\(limits.outputBytes):\(limits.outputBytes)", "--ulimit", "core=0:0", "--ulimit",
      "nofile=1024:1024", "--shm-size", "\(room)", "--tmpfs", "/tmp:rw,size=\(room),mode=1777",
    ]
    // Docker hands its own settings on.
    for name in ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"] where !isPodman {
      words += ["--env", "\(name)=", "--env", "\(name.uppercased())="]
    }
    if isPodman {
      words += [
        "--read-only-tmpfs=false", "--image-volume", "ignore", "--no-hosts", "--http-proxy=false",
        // Where this process is killed, the container ends all the same.
        "--timeout", "\(limits.seconds + Self.patience)",
      ]
      // It would raise this one, which not every superuser may. The cgroup is what limits processes.
      var most = rlimit()
      let isKnown = getrlimit(__rlimit_resource_t(Self.processResource), &most) == 0
      let limit = min(Self.processLimit, isKnown ? UInt64(most.rlim_max) : .max)
      words += ["--ulimit", "nproc=\(limit):\(limit)"]
      // Without a superuser's rights: this user outside is this user inside.
      if geteuid() != 0 { words += ["--userns", "keep-id"] }
    }
    words += bind("module", "/module", "ro")
    switch manifest.mode {
    case .folders:
      words += ["--tmpfs", "/output:rw,size=\(room),mode=1777"]
      words += bind("output", "/output/output-\(job).dat", "rw") + bind("errors", "/output/error.json", "rw")
      words += bind("input", "/input/input-\(job).dat", "ro")
    case .direct: words += bind("input", "/input", "ro") + bind("output", "/output", "rw")
    }
    return words
  }

  /// The last line that the engine says; an error with it where it does not end well.
  private func said(_ words: [String]) throws(NetworkError) -> String? {
    let ended = try ModuleProcess.run(
      [program] + words, environment: environment, seconds: Self.patience, stop: StopFlag())
    guard ended.status == .exited(0) else {
      throw .sandboxFailed(
        reason: "\(program) \(words[0]): \(ended.lastLine ?? "it ended as \(ended.status)")")
    }
    return ended.lastOutputLine
  }

  /// What the container of a folder is called.
  static func name(in folder: URL) -> String { folder.lastPathComponent }

  /// Ends and removes a container; whether it is gone.
  func remove(_ name: String) -> Bool {
    // One that does not run can't be killed, and one that is not there not removed.
    _ = try? said(["kill", name])
    _ = try? said(["rm", "--force", "--volumes", name])
    guard let left = try? said(["ps", "--all", "--quiet", "--filter", "name=^\(name)$"]) ?? "" else {
      return false
    }
    return left.isEmpty
  }

  private static func isSame(_ found: String?, _ image: String) -> Bool {
    guard let found else { return false }
    return found == image || "sha256:\(found)" == image
  }
}
