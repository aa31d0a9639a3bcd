import EmethKit
import Foundation

/// Where external modules run: in bubblewrap's namespaces, or in a container of the image that they name.
///
/// Either way: no network, no file of the machine, nothing written that outlasts the run but the output, and limits
/// that are set before the module begins. See Docs/Decisions/0023-programs.md.
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

  /// For modules without an image; nil where there are none.
  private var bubblewrap: Bubblewrap?
  /// For modules with one; nil where there are none.
  private var engine: ContainerEngine?
  /// Where the folders of runs are made; nil: among the temporary files.
  private var workplace: URL?

  /// Who runs modules where this process is a superuser's, and who they are inside: nobody.
  static let nobody: UInt32 = 65_534

  /// The sandboxes of this machine that modules need, tried out once.
  ///
  /// - Throws: ``NetworkError/sandboxFailed(reason:)``, also where a module's image is not on this machine or no engine
  ///   is named.
  public init(for modules: [ProgramModule]) throws(NetworkError) {
    try self.init(for: modules, path: ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
  }

  init(for modules: [ProgramModule], path: String) throws(NetworkError) {
    if modules.contains(where: { $0.manifest.image == nil }) { bubblewrap = try Bubblewrap(path: path) }
    for module in modules {
      guard let image = module.manifest.image else { continue }
      guard let name = module.containerEngine else {
        throw .sandboxFailed(
          reason: "\(module.manifest.name) runs in the image \(image), and no container engine is named")
      }
      let engine: ContainerEngine
      if let known = self.engine { engine = known } else { engine = try ContainerEngine(name, path: path) }
      try engine.check(image)
      self.engine = engine
    }
    sweep(FileManager.default.temporaryDirectory)
  }

  /// Ends what containers a killed process has left.
  private func sweep(_ parent: URL) {
    guard let engine else { return }
    ModuleFolder.sweep(parent, prefix: ModuleFolder.containerPrefix) { engine.remove($0) }
  }

  /// The same, which keeps parts in a network's folder while they are computed, and not among the temporary
  /// files. Where this process is a superuser's the module is nobody's, who may not get there.
  func working(below folder: URL) -> ModuleSandbox {
    var sandbox = self
    if geteuid() != 0 {
      let workplace = folder.appending(path: "modules")
      sandbox.workplace = workplace
      sweep(workplace)
    }
    return sandbox
  }

  /// What holds here, in words.
  public var summary: String {
    [bubblewrap?.summary, engine?.summary].compactMap(\.self).joined(separator: "; ")
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
    let engine = module.manifest.image == nil ? nil : engine
    let held = try ModuleFolder(
      in: workplace ?? FileManager.default.temporaryDirectory,
      prefix: engine == nil ? ModuleFolder.prefix : ModuleFolder.containerPrefix
    ) { left in engine?.remove(left) ?? true }
    // A container that stays is tried again by the run that finds its folder.
    defer { if engine?.remove(ContainerEngine.name(in: held.url)) ?? true { held.remove() } }
    let folder = held.url
    try module.copy(to: folder.appending(path: "module"))
    try Files.write(part, to: folder.appending(path: "input"), durable: false, mode: 0o600)
    let limits = module.manifest.limits
    // Both are there before the module is, and it gets these files and not their folder: it can put neither a
    // link nor another file in their place.
    let output = try HeldFile(folder.appending(path: "output"))
    let errors = try HeldFile(folder.appending(path: "errors"))
    if geteuid() == 0 { try giveAway(folder) }
    let command = Self.command(of: module.manifest, job: job, parameters: parameters)
    let ended = try run(command, of: module.manifest, in: folder, job: job, stop: stop)
    switch ended.status {
    case .stopped: throw .interrupted
    case .outOfTime: return .cutShort("it ran longer than \(limits.seconds) s", isLimit: true)
    case .exited(let status):
      let said = Self.remarks(try errors.read(atMost: 64 << 10).bytes ?? Data())
      let words = Self.reason(status, limits) + ((said.first ?? ended.lastLine).map { ": \($0)" } ?? "")
      let lack = Self.lack(
        status, hasKilled: ended.hasKilledForMemory, freeBytes: held.freeBytes, limits)
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

  private func run(
    _ command: [String], of manifest: ModuleManifest, in folder: URL, job: JobID, stop: StopFlag
  ) throws(NetworkError) -> ModuleRun {
    if let image = manifest.image {
      guard let engine else { throw .sandboxFailed(reason: "there is no container engine for \(image)") }
      return try engine.run(command, in: image, of: manifest, in: folder, job: job, stop: stop)
    }
    guard let bubblewrap else { throw .sandboxFailed(reason: "bubblewrap was not looked for") }
    return try bubblewrap.run(command, of: manifest, in: folder, job: job, stop: stop)
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

  /// What is run, as it is called inside.
  private static func command(
    of manifest: ModuleManifest, job: JobID, parameters: [String: String]
  ) -> [String] {
    let words = manifest.command.enumerated().map { place, word in
      place == 0 && manifest.files[word] != nil ? "/module/\(word)" : word
    }
    return words + arguments(for: parameters) + ["\(job)", "/input", "/output"]
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

/// How a run of a module ended.
struct ModuleRun: Sendable {
  var status: ModuleProcess.Status
  /// The last line that it wrote.
  var lastLine: String?
  /// Whether a process of it was ended since there was no memory left for it.
  var hasKilledForMemory: Bool
}
