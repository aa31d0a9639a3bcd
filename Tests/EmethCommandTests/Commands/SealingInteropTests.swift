import EmethKit
import Foundation
import Testing

/// The `age` tool opens what `emeth seal` wrote, and the reverse.
@Suite(.enabled(if: Program.find("age") != nil, "this machine has no age tool")) struct SealingInteropTests {
  private let scratch: ScratchFolder
  private let environment: [String: String]
  private static let scale = ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1

  init() throws {
    scratch = try ScratchFolder()
    // The key is the tool's own work too where it makes keys.
    if Program.find("age-keygen") != nil {
      let made = try Program.shell("umask 077; age-keygen -o id.txt", in: scratch.url)
      try #require(made.exitCode == 0, "\(made.errors)")
    } else {
      var random = SystemRandomNumberGenerator()
      try scratch.writeIdentity(SealingIdentity(using: &random), to: "id.txt")
    }
    let identity = try SealingIdentity.list(scratch.read("id.txt"))
    environment = ["R": "\(try #require(identity.first).recipient)"]
  }

  private func shell(_ line: String) throws -> ProgramResult {
    try Program.shell("set -e -o pipefail; \(line)", environment: environment, in: scratch.url)
  }

  @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 10 << 20]) func bothWays(count: Int) throws {
    for line in [
      "$EMETH seal -r $R plain | age -d -i id.txt | cmp - plain",
      "age -r $R plain | $EMETH open -i id.txt | cmp - plain",
      "$EMETH seal -a -r $R plain -o a.txt; age -d -i id.txt a.txt | cmp - plain",
      "age -a -r $R plain > b.txt; $EMETH open -i id.txt b.txt -o c; cmp c plain",
    ] {
      let result = try shell("seq 1 1500000 2>&- | head -c \(count) > plain || true; \(line)")
      #expect(result.exitCode == 0 && result.errors == "", "\(line): \(result.errors)")
    }
  }

  @Test func manyRecipientsAndAnAccountsKey() throws {
    try scratch.write(TestKeys.signer.sealingIdentity().secretText() + "\n", to: "account.txt")
    try scratch.writeKey(TestKeys.signer, to: "account.key")
    let account = TestKeys.signer.sealingRecipient()
    for line in [
      "$EMETH seal -r $R -r \(account) plain > a.age; age -d -i id.txt a.age; age -d -i account.txt a.age",
      "age -r $R -r \(account) plain > a.age; $EMETH open --key-file account.key a.age; "
        + "$EMETH open -i id.txt a.age",
    ] {
      #expect(try shell("echo shared > plain; \(line)").output == "shared\nshared\n")
    }
  }

  /// What age refuses we refuse: a passphrase is said to be one.
  @Test func otherKindsAreSaidToBe() throws {
    let zeros = String(repeating: "A", count: 43)
    let header = "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n\(zeros)\n--- \(zeros)\n"
    try scratch.write(header, to: "scrypt.age")
    let result = try shell("$EMETH open -i id.txt scrypt.age")
    #expect(result.exitCode == 3 && result.errors.contains("passphrase"))
  }

  /// Three gigabytes through pipes: no file, no more memory than for three megabytes.
  @Test(.enabled(if: scale >= 100, "3 GiB: only with the large counts (EMETH_TEST_SCALE=100)"))
  func constantMemoryAtAnySize() throws {
    let count = 3 << 30
    for (sealer, opener) in [
      ("$EMETH seal -r $R", "age -d -i id.txt"), ("age -r $R", "$EMETH open -i id.txt"),
    ] {
      let result = try shell(
        """
        watch() {
          "$@" <&3 & local pid=$! peak=0 now
          while now=$(awk '/VmHWM/ {print $2}' /proc/$pid/status 2>/dev/null) && [ -n "$now" ]; do
            peak=$now; sleep 0.05
          done
          wait $pid && echo $peak > peak
        }
        seal() { if [[ "\(sealer)" == *seal* ]]; then watch \(sealer) 3<&0; else \(sealer); fi; }
        open() { if [[ "\(opener)" == *open* ]]; then watch \(opener) 3<&0; else \(opener); fi; }
        (seq 1 999999999 || true) | head -c \(count) | tee >(sha256sum > sent) |
          seal | open | sha256sum > came
        sleep 0.2; cmp sent came; cat peak
        """)
      #expect(result.exitCode == 0, "\(result.errors)")
      let peak = try #require(Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)))
      #expect(peak > 1000 && peak < 50 << 10, "\(peak) KiB")
    }
  }
}
