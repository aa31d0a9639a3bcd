import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Modules in containers of a real engine, Podman of Debian, with its images in a folder of the test's own.
@Suite(
  .serialized,
  .enabled(
    if: ContainerScene.shared.lack.isEmpty, "no container can be made here: \(ContainerScene.shared.lack)"))
struct ContainerEngineTests {
  private let scene: ContainerScene

  init() throws { scene = try #require(ContainerScene.shared.scene) }

  @Test func aModuleReadsItsInputAndWritesItsOutput() throws {
    let module = try scene.module(
      #"wc -l < "/input/input-$1.dat" > "/output/output-$1.dat"; echo '{"errors":["odd"]}' > /output/error.json"#
    )
    #expect(try scene.run(module) == .output(Data("2\n".utf8), remarks: ["odd"]))
    let direct = try scene.module("cat /input /input > /output", extra: #""mode": "direct""#)
    #expect(try scene.run(direct, "ab") == .output(Data("abab".utf8), remarks: []))
  }

  /// The machine's files and network are out of reach, and so is the image.
  @Test func nothingOfTheMachineIsThere() throws {
    let module = try scene.module(
      """
      o=/output/output-$1.dat
      for name in /sys/class/net/*; do echo "${name##*/}"; done > $o
      for place in /x /usr/x /module/x /run/x /var/tmp/x /dev/x /etc/hosts; do (echo > $place) 2>/dev/null && echo "writes $place" >> $o; done
      [ -e "\(FileManager.default.currentDirectoryPath)" ] && echo "sees the machine" >> $o
      (echo > /tmp/x) && echo "may write /tmp" >> $o
      id=; while read -r name first rest; do case $name in Uid:|NoNewPrivs:|CapEff:) id="$id $first";; esac
      done < /proc/self/status
      echo "$id" >> $o; echo "${EMETH_PYTHON:-none}" >> $o
      """)
    let user = geteuid() == 0 ? 65_534 : geteuid()
    guard case .output(let data, _) = try scene.run(module) else {
      Issue.record("it failed")
      return
    }
    #expect(
      String(decoding: data, as: UTF8.self) == "lo\nmay write /tmp\n \(user) 0000000000000000 1\nnone\n")
  }

  @Test func itsOwnNoIsToldFromTheMachines() throws {
    #expect(
      try scene.run(scene.module("echo 'not so' >&2; exit 125"))
        == .failed("it ended with exit status 125: not so"))
    let large = try scene.module(
      "while :; do echo aaaaaaaaaaaaaaaa; done > /output/output-$1.dat",
      extra: #""limits": {"outputBytes": 1000}"#)
    #expect(try scene.run(large) == .failed("it wrote a file of more than 1000 bytes"))
    let slow = try scene.module("while :; do :; done", extra: #""limits": {"seconds": 1}"#)
    #expect(try scene.run(slow) == .cutShort("it ran longer than 1 s", isLimit: true))
    let hungry = try scene.module(
      "while :; do :; done", extra: #""limits": {"cpuSeconds": 1, "seconds": 60}"#)
    guard case .cutShort(let reason, let isLimit) = try scene.run(hungry) else {
      Issue.record("it was not cut short")
      return
    }
    #expect(isLimit && reason == "it used more than 1 s of processor time")
    let greedy = try scene.module(
      #"x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"#, extra: #""limits": {"memoryBytes": 33554432}"#)
    guard case .cutShort = try scene.run(greedy) else {
      Issue.record("it was not cut short")
      return
    }
    #expect(try scene.said(["ps", "--all", "--quiet"]) == "", "no container is left")
  }

  @Test func whatAKilledProcessLeftGoes() throws {
    let parent = FileManager.default.temporaryDirectory
    let name = "emeth-container-left-\(UUID().uuidString.lowercased())"
    let folder = parent.appending(path: name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -3_600)], ofItemAtPath: folder.path)
    try scene.begin(
      ["--network", "none", "--name", name, scene.image, "/bin/sh", "-c", "while :; do :; done"])
    #expect(try scene.said(["ps", "--quiet"]) != "")
    _ = try scene.run(scene.module("true"))
    #expect(try scene.said(["ps", "--all", "--quiet"]) == "")
    #expect(!FileManager.default.fileExists(atPath: folder.path))
  }

  @Test func whatIsMissingIsSaid() throws {
    func refusal(_ body: () throws -> Void) throws -> String {
      let error = try #require(throws: NetworkError.self) { try body() }
      #expect(error.code == "sandbox.unavailable")
      return error.message
    }
    let module = try scene.module("true")
    var other = module
    other.containerEngine = nil
    #expect(try refusal { _ = try ModuleSandbox(for: [other]) }.contains("no container engine is named"))
    other.containerEngine = "no-such-engine"
    #expect(try refusal { _ = try ModuleSandbox(for: [other]) }.contains("no-such-engine is missing"))
    other.containerEngine = "/bin/false"
    #expect(try refusal { _ = try ModuleSandbox(for: [other]) }.contains("/bin/false --version"))
    let strange = try scene.module("true", image: "sha256:" + String(repeating: "0", count: 64))
    #expect(try refusal { _ = try ModuleSandbox(for: [strange]) }.contains("is not on this machine"))
    let volume = try scene.said(["image", "inspect", "--format", "{{.Id}}", "emeth-volume"])
    let withVolume = try scene.module("true", image: "sha256:" + volume)
    #expect(try refusal { _ = try ModuleSandbox(for: [withVolume]) }.contains("has volumes"))
    for name in ["debian", "sha256:abc", "sha256:" + String(repeating: "A", count: 64)] {
      let error = try #require(throws: NetworkError.self) { try scene.module("true", image: name) }
      #expect(error.message.contains("image") && error.message.contains(name))
    }
    #expect(try ModuleSandbox(for: [module]).summary.hasPrefix("containers of podman version"))
  }

  /// A whole job: node and verifier compute it in containers and agree.
  @Test func aJobIsComputedInContainers() async throws {
    let module = try scene.module(#"wc -l < "/input/input-$1.dat" > "/output/output-$1.dat""#)
    let job = try ComputedJobTests.Scene(.firstExternal, "a\nb\nc\nd\n", parallel: 2, modules: [module])
    let (report, result) = try await job.run()
    #expect(report.status == "VERIFIED" && result == "2\n2\n", "\(report.reason)")
    #expect(report.verification.checked == 2)
  }
}

/// An engine of its own: images and containers in a folder, one image with a shell.
final class ContainerScene: Sendable {
  /// Made once; or what lacks: podman, or a machine that lets it make a container. Any other fault fails the tests.
  static let shared: (scene: ContainerScene?, lack: String) = {
    do {
      let scene = try ContainerScene()
      atexit {
        if let scene = ContainerScene.shared.scene {
          try? FileManager.default.removeItem(at: scene.folder.url)
        }
      }
      return (scene, "")
    } catch let error as Failed where error.status == 77 {
      return (nil, error.complaint)
    } catch {
      return (nil, "")
    }
  }()

  private struct Failed: Error {
    var status: Int32
    var complaint: String
  }

  let folder: TemporaryFolder
  let engine: String
  let image: String

  private init() throws {
    // Podman takes no longer path than 50 characters.
    folder = try TemporaryFolder(at: "/tmp/emeth-\(UInt32.random(in: 0 ... .max))")
    let root = folder.url.appending(path: "root")
    // The shell and two tools with the libraries that they need.
    try Self.shell(
      """
      set -e
      command -v podman >/dev/null && command -v runc >/dev/null || { echo 'podman or runc is missing' >&2; exit 77; }
      mkdir -p "$1/bin" "$1/tmp"
      chmod 1777 "$1/tmp"
      for tool in sh cat wc; do
        cp -L "$(command -v $tool)" "$1/bin/"
        ldd "$(command -v $tool)" | grep -o '/[^ ]*' | while read -r file; do
          mkdir -p "$1$(dirname "$file")"; cp -L "$file" "$1$file"
        done
      done
      tar -C "$1" -cf "$1.tar" .
      # What containers are made with here; runc also works where both versions of cgroups are mounted.
      printf '[containers]\\ndefault_ulimits = ["nproc=4096:4096", "nofile=1024:1024"]\\n' > "$1.conf"
      cat > "$1.engine" <<END
      #!/bin/sh
      export CONTAINERS_CONF=$1.conf
      exec podman --root $1.storage --runroot $1.run --storage-driver vfs --runtime runc --cgroup-manager cgroupfs "\\$@"
      END
      chmod 755 "$1.engine" "$(dirname "$1")"
      "$1.engine" import --quiet "$1.tar" emeth-test >/dev/null || exit 77
      "$1.engine" run --rm --network none --memory 64m --pids-limit 16 --init emeth-test /bin/sh -c 'exit 0' || exit 77
      "$1.engine" import --quiet --change 'VOLUME /data' "$1.tar" emeth-volume >/dev/null
      """, root.path)
    engine = root.path + ".engine"
    image = try Self.shell(#""$1" image inspect --format '{{.Id}}' emeth-test"#, engine)
  }

  /// Starts a container that runs on. What watches over it keeps every descriptor that it gets.
  func begin(_ words: [String]) throws {
    let ended = try ModuleProcess.run(
      [engine, "run", "--detach"] + words,
      environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"], seconds: 60,
      stop: StopFlag())
    try #require(ended.status == .exited(0), "\(ended.lastLine ?? "")")
  }

  func said(_ words: [String]) throws -> String {
    try Self.shell(#""$@""#, engine, words)
  }

  /// A module of one script, whose first argument is the SubJob.
  func module(_ script: String, extra: String = "", image: String? = nil) throws -> ProgramModule {
    let members = #""image": "\#(image ?? "sha256:" + self.image)""# + (extra.isEmpty ? "" : ", " + extra)
    let made = try ModuleScene(script, extra: members)
    // Kept as long as the process: the engine reads it while it runs.
    let kept = folder.url.appending(path: UUID().uuidString)
    try FileManager.default.copyItem(at: made.folder.url, to: kept)
    return try ProgramModule(folder: kept, containerEngine: engine)
  }

  func run(_ module: ProgramModule, _ part: String = "one\ntwo\n") throws -> ModuleSandbox.Outcome {
    try ModuleSandbox(for: [module]).run(module, part: Data(part.utf8), job: ModuleScene.job)
  }

  @discardableResult
  private static func shell(_ script: String, _ first: String, _ more: [String] = []) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", script, "sh", first] + more
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    let complaint = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failed(
        status: process.terminationStatus,
        complaint: String(decoding: complaint.suffix(300), as: UTF8.self))
    }
    return String(decoding: said, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
