import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// The sandbox with modules that keep the contract, and with those that try to get out.
@Suite(.serialized) struct ModuleSandboxTests {
  /// The contract's words: the last three arguments are job, input and output.
  private let paths =
    "for word; do job=$in; in=$out; out=$word; done; "
    + #"i="$in/input-$job.dat"; o="$out/output-$job.dat"; "#

  private func failure(_ outcome: ModuleSandbox.Outcome) throws -> String {
    guard case .failed(let reason) = outcome else {
      Issue.record("it ended well: \(outcome)")
      return ""
    }
    return reason
  }

  private func cut(_ outcome: ModuleSandbox.Outcome) throws -> String {
    guard case .cutShort(let reason, _) = outcome else {
      Issue.record("it was not cut short: \(outcome)")
      return ""
    }
    return reason
  }

  private func output(_ outcome: ModuleSandbox.Outcome) throws -> String {
    guard case .output(let data, _) = outcome else {
      Issue.record("it failed: \(outcome)")
      return ""
    }
    return String(decoding: data, as: UTF8.self)
  }

  @Test func aModuleReadsItsInputAndWritesItsOutput() throws {
    let scene = try ModuleScene(
      paths + #"wc -l < "$i" > "$o"; echo '{"errors":["line 2 is odd"]}' > "$out/error.json""#)
    #expect(try scene.run() == .output(Data("2\n".utf8), remarks: ["line 2 is odd"]))
  }

  @Test func directModulesGetTwoFiles() throws {
    let scene = try ModuleScene("cat /input /input > /output", extra: #""mode": "direct""#)
    #expect(try scene.run("ab") == .output(Data("abab".utf8), remarks: []))
  }

  @Test func parametersComeFirst() throws {
    let scene = try ModuleScene(#"echo "$@" > /output/output-$5.dat"#)
    let found = try output(scene.run(parameters: ["keyName": "a b", "deep_long_key": "2"]))
    #expect(found == "--deep-long_key 2 --key-name a b \(ModuleScene.job) /input /output\n")
  }

  @Test func thereIsNoNetworkAndNoEnvironment() throws {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(server) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let failures = withUnsafeMutablePointer(to: &address) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        [bind(server, place, length), listen(server, 1), getsockname(server, place, &length)]
      }
    }
    #expect(failures == [0, 0, 0])
    let port = UInt16(bigEndian: address.sin_port)
    let connect = """
      /usr/bin/python3 -c 'import socket
      socket.create_connection(("127.0.0.1", \(port)), 2)' && echo reached
      """
    // Outside the same line gets through, or the test says nothing.
    let outside = Process()
    outside.executableURL = URL(filePath: "/bin/sh")
    outside.arguments = ["-c", connect]
    outside.standardOutput = FileHandle.nullDevice
    try outside.run()
    outside.waitUntilExit()
    #expect(outside.terminationStatus == 0)
    let scene = try ModuleScene(paths + connect + #" 2>/dev/null; echo "got $?" > "$o"; env >> "$o""#)
    let found = try output(scene.run())
    #expect(found.hasPrefix("got 1\n"))
    #expect(!found.contains("EMETH") && found.contains("HOME=/tmp\n"))
  }

  @Test func nothingOutsideIsReadOrWritten() throws {
    let secret = try TemporaryFolder()
    let file = secret.url.appending(path: "secret")
    try Data("secret".utf8).write(to: file)
    let scene = try ModuleScene(
      paths
        + """
        cat \(file.path) /etc/passwd /root/.profile /home/*/.profile /proc/1/environ >> "$o" 2>/dev/null
        for place in / /usr /usr/bin /module /input /dev /proc/sys/kernel "$i" /module/run.sh \(secret.url.path); do
          (echo x > "$place/emeth-escape" || { [ -f "$place" ] && echo x >> "$place"; }) 2>/dev/null && echo "wrote $place" >> "$o"
        done
        ls /proc | grep -c '^[0-9]*$' >> "$o"
        """)
    let lines = try output(scene.run()).split(separator: "\n")
    #expect(lines.count == 1, "\(lines)")
    let processes = try #require(lines.last.flatMap { Int($0) })
    #expect(processes < 12, "only its own processes are in sight")
    #expect(!FileManager.default.fileExists(atPath: secret.url.appending(path: "emeth-escape").path))
    #expect(try Data(contentsOf: file) == Data("secret".utf8))
  }

  @Test func aForkBombIsStoppedByItsLimit() throws {
    let scene = try ModuleScene(
      paths
        + """
        n=0; while [ $n -lt 200 ]; do sleep 20 & n=$((n + 1)); done; echo "$n" > "$o"
        """, extra: #""limits": {"processes": 16, "seconds": 15}"#)
    let began = ContinuousClock.now
    let reason = try failure(scene.run())
    #expect(reason.contains("fork") || reason.contains("exit status"), "\(reason)")
    #expect(ContinuousClock.now - began < .seconds(15), "and nothing of it is waited for")
  }

  @Test func memoryIsLimited() throws {
    let scene = try ModuleScene(
      #"/usr/bin/python3 -c 'x = bytearray(1 << 30); x[::4096] = b"1" * len(x[::4096])'"#,
      extra: #""limits": {"memoryBytes": 268435456}"#)
    #expect(try failure(scene.run()).contains("MemoryError"))
    let small = try ModuleScene(
      paths + #"/usr/bin/python3 -c 'x = bytearray(1 << 20); print(len(x))' > "$o""#,
      extra: #""limits": {"memoryBytes": "268435456"}"#)
    #expect(try output(small.run()) == "1048576\n")
  }

  @Test func hugeOutputsAreCut() throws {
    let limit = #""limits": {"outputBytes": 100000, "seconds": 20}"#
    let large = try ModuleScene(paths + #"exec head -c 200000 /dev/zero > "$o""#, extra: limit)
    #expect(try failure(large.run()).contains("more than 100000 bytes"))
    let fits = try ModuleScene(paths + #"exec head -c 100000 /dev/zero > "$o""#, extra: limit)
    #expect(try output(fits.run()).utf8.count == 100_000)
    let talkative = try ModuleScene("exec yes", extra: #""limits": {"seconds": 2}"#)
    #expect(try cut(talkative.run()) == "it ran longer than 2 s")
    // Many small files are as much as one large one.
    let many = try ModuleScene(
      paths + #"for n in 0 1 2 3 4 5; do head -c 5000000 /dev/zero > "$out/$n" || exit 9; done"#,
      extra: #""limits": {"outputBytes": 6000000}"#)
    #expect(try failure(many.run()).contains("exit status 9"))
  }

  @Test func aLinkInThePlaceOfTheOutputIsNotFollowed() throws {
    let scene = try ModuleScene(
      paths
        + """
        rm -f "$o" 2>/dev/null
        ln -sf /etc/hostname "$o" 2>/dev/null && exit 7
        mv "$out/error.json" "$o" 2>/dev/null && exit 8
        exit 0
        """)
    #expect(try output(scene.run()).isEmpty)
  }

  @Test func whatNeverEndsIsEndedWithAllItsProcesses() throws {
    let mark = "\(Int.random(in: 100_000...999_999))"
    let scene = try ModuleScene(
      "setsid sleep 100\(mark) & sleep 100\(mark)", extra: #""limits": {"seconds": 1}"#)
    #expect(try cut(scene.run()) == "it ran longer than 1 s")
    usleep(300_000)
    let left = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
      (try? String(contentsOfFile: "/proc/\(name)/cmdline", encoding: .utf8))?.contains("100\(mark)") ?? false
    }
    #expect(left.isEmpty)
    let busy = try ModuleScene("while :; do :; done", extra: #""limits": {"cpuSeconds": 1, "seconds": 30}"#)
    #expect(try cut(busy.run()).contains("1 s of processor time"))
  }

  @Test func itCanBeStopped() throws {
    let stop = StopFlag()
    stop.raise()
    let scene = try ModuleScene("sleep 60")
    #expect(throws: NetworkError.interrupted) { try scene.run(stop: stop) }
  }

  @Test func failuresSayWhatTheModuleSaid() throws {
    let said = try ModuleScene(paths + "echo first >&2; printf 'bad \\033[31mthing\\n' >&2; exit 3")
    #expect(try failure(said.run()) == "it ended with exit status 3: bad [31mthing")
    let written = try ModuleScene(
      paths + #"echo '{"errors":["line 1 is no word"]}' > "$out/error.json"; exit 4"#)
    #expect(try failure(written.run()) == "it ended with exit status 4: line 1 is no word")
    let missing = try ModuleScene("exec /usr/bin/no-such-program")
    #expect(try failure(missing.run()).contains("127"))
  }

  /// What depends on how large or fast a machine is says nothing about the module.
  @Test func whatTheMachineLackedIsNoFailureOfTheModule() throws {
    let killed = try ModuleScene("kill -9 $$")
    #expect(try cut(killed.run()).contains("killed"))
    let said = try ModuleScene("exit 9")
    #expect(try failure(said.run()) == "it ended with exit status 9")
    let error = NetworkError.moduleCutShort(program: "10000", reason: "it was killed")
    let refused = NetworkError.moduleFailed(program: "10000", reason: "no")
    for limitsCount in [false, true] {
      #expect(throws: error) { try PartOutcome(of: error, limitsCount: limitsCount) }
      #expect(try PartOutcome(of: refused, limitsCount: limitsCount) == .refusal("no"))
    }
    let late = NetworkError.moduleCutShort(program: "10000", reason: "it was late", isLimit: true)
    #expect(throws: late) { try PartOutcome(of: late, limitsCount: false) }
    #expect(try PartOutcome(of: late, limitsCount: true) == .refusal("it was late"))
  }

  /// Another machine may have the instruction, the memory or the system call that this one lacks.
  @Test(arguments: [SIGILL, SIGBUS, SIGSYS, SIGSEGV, SIGFPE, SIGABRT, SIGTERM])
  func aSignalSaysNothing(signal: Int32) throws {
    let ended = try ModuleScene("kill -\(signal) $$")
    #expect(try cut(ended.run()) == "it was ended by signal \(signal)")
  }

  @Test func exitStatusesThatAreNoSignalsAreTheModulesOwn() throws {
    for status in [1, 127, 128, 193, 255] {
      #expect(
        try failure(ModuleScene("exit \(status)").run()) == "it ended with exit status \(status)")
    }
  }

  /// A module may end with 0 though a process of it was killed, or could not write: what it left may be a part.
  @Test func whatTheMachineLackedIsAskedBeforeAnythingElse() {
    var limits = ModuleManifest.Limits()
    limits.outputBytes = 1_000
    func lack(_ status: Int32, killed: Bool = false, free: UInt64? = 1_000) -> String? {
      ModuleSandbox.lack(status, hasKilled: killed, freeBytes: free, limits)
    }
    #expect(lack(0) == nil && lack(3) == nil && lack(0, free: nil) == nil)
    for status in [0, 3] as [Int32] {
      #expect(lack(status, killed: true) == "memory was too small")
      #expect(lack(status, free: 999) == "the disk for the output has 999 bytes left")
    }
    #expect(lack(128 + SIGKILL) == "" && lack(128 + SIGXCPU) == "" && lack(128 + SIGILL) == "")
    // That a file has become too large is the same everywhere.
    #expect(lack(128 + SIGXFSZ) == nil)
  }

  @Test func aModuleCantPassForABrokenSandbox() throws {
    let scene = try ModuleScene("echo 'bwrap: no such thing' >&2; exit 1")
    #expect(try failure(scene.run()) == "it ended with exit status 1: bwrap: no such thing")
    // Nor has it the descriptor on which bubblewrap says that it ended.
    let report = try ModuleScene(#"(echo '{"exit-code": 0}' >&4) 2>/dev/null && exit 0; exit 5"#)
    #expect(try failure(report.run()) == "it ended with exit status 5")
  }

  @Test func noUserNamespaceIsMadeInside() throws {
    let scene = try ModuleScene(paths + #"unshare -U true 2>/dev/null; echo "$?" > "$o""#)
    let isForbidden = try !ModuleSandbox(for: [scene.module]).summary.contains("user namespaces")
    #expect(try (output(scene.run()) == "1\n") == isForbidden)
    if FileManager.default.isExecutableFile(atPath: "/usr/bin/bwrap") {
      let help = Process()
      help.executableURL = URL(filePath: "/usr/bin/bwrap")
      help.arguments = ["--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "true"]
      help.standardError = FileHandle.nullDevice
      try help.run()
      help.waitUntilExit()
      #expect(isForbidden == (help.terminationStatus == 0), "forbidden where bubblewrap can")
    }
  }

  @Test func onlyThisUserMayLookAtAPart() throws {
    let parent = try TemporaryFolder()
    let folder = try ModuleFolder(in: parent.url)
    func mode(_ url: URL) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions] as? Int
    }
    #expect(try mode(folder.url) == 0o700)
    folder.remove()
    #expect(!FileManager.default.fileExists(atPath: folder.url.path))
  }

  @Test func whatAKilledProcessLeftGoes() throws {
    let parent = try TemporaryFolder()
    func make(_ name: String, secondsAgo: Double) throws -> URL {
      let url = parent.url.appending(path: name)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
      try Data("part".utf8).write(to: url.appending(path: "input"))
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -secondsAgo)], ofItemAtPath: url.path)
      return url
    }
    let left = try make("emeth-module-left", secondsAgo: 3_600)
    let new = try make("emeth-module-new", secondsAgo: 0)
    let other = try make("other", secondsAgo: 3_600)
    let running = try ModuleFolder(in: parent.url)
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -3_600)], ofItemAtPath: running.url.path)
    #expect(!FileManager.default.fileExists(atPath: left.path))
    ModuleFolder.sweep(parent.url)
    for kept in [new, other, running.url] { #expect(FileManager.default.fileExists(atPath: kept.path)) }
  }

  @Test func aFileThatGotShorterIsNoOutput() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "output")
    let file = try HeldFile(url)
    try Data("abc".utf8).write(to: url)
    #expect(try file.read(atMost: 3) == .bytes(Data("abc".utf8)))
    #expect(try file.read(atMost: 2) == .tooMany)
    #expect(try file.read(count: 4) == .shrunk)
  }

  @Test func noBubblewrapIsSaid() throws {
    let modules = [try ModuleScene("true").module]
    let error = try #require(throws: NetworkError.self) {
      try ModuleSandbox(for: modules, path: "/nowhere")
    }
    #expect(error.code == "sandbox.unavailable")
    #expect(error.message.contains("bwrap") && error.hint?.contains("bubblewrap") ?? false)
    #expect(try ModuleSandbox(for: modules).summary.contains("setrlimit"))
  }
}
