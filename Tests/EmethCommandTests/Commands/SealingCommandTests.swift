import EmethKit
import Foundation
import Testing

/// `emeth seal` and `emeth open` as they are typed: data, files, errors, exit codes.
@Suite struct SealingCommandTests {
  private let scratch: ScratchFolder
  private let recipient: SealingRecipient

  init() throws {
    scratch = try ScratchFolder()
    var random = SystemRandomNumberGenerator()
    let identity = SealingIdentity(using: &random)
    recipient = identity.recipient
    try scratch.writeIdentity(identity, to: "id.txt")
    try scratch.write("some text\n", to: "plain")
  }

  private func emeth(_ arguments: String..., environment: [String: String] = [:]) throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, environment: environment, in: scratch.url)
  }

  private func shell(_ line: String) throws -> ProgramResult {
    try Program.shell(line, environment: ["R": "\(recipient)"], in: scratch.url)
  }

  private func error(_ result: ProgramResult) throws -> ErrorObject {
    #expect(result.output == "")
    return try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
  }

  @Test func filesAndPipesGoBothWays() throws {
    for line in [
      "$EMETH seal -r $R plain | $EMETH open -i id.txt",
      "$EMETH seal -r $R < plain | $EMETH open -i id.txt -",
      "$EMETH seal -r $R plain -o a.age && $EMETH open -i id.txt a.age",
      "$EMETH seal --recipient=$R - --out b.age < plain && $EMETH open --identity id.txt < b.age",
      "$EMETH seal -a -r $R plain | $EMETH open -i id.txt",
      "$EMETH seal -r $R plain -o - | $EMETH open -i id.txt -o c && cat c",
      "cat id.txt | $EMETH open -i - a.age", "$EMETH open -i <(cat id.txt) a.age",
    ] {
      let result = try shell(line)
      #expect(result.exitCode == 0 && result.output == "some text\n" && result.errors == "", "\(line)")
    }
    let text = try shell("$EMETH seal --armor -r $R plain")
    #expect(text.output.hasPrefix("-----BEGIN AGE ENCRYPTED FILE-----\n"))
    #expect(text.output.hasSuffix("\n-----END AGE ENCRYPTED FILE-----\n"))
  }

  @Test func manyRecipientsEachOpen() throws {
    var random = SystemRandomNumberGenerator()
    let others = (0..<3).map { _ in SealingIdentity(using: &random) }
    try scratch.write("# friends\n\(others[0].recipient)\n\n\(others[1].recipient)\n", to: "friends.txt")
    for (number, other) in others.enumerated() { try scratch.writeIdentity(other, to: "\(number).txt") }
    // Sealing keys as `emeth show-key` prints them are recipients too.
    try #require(
      try shell("$EMETH seal -r $R -R friends.txt -r \(others[2].recipient.key) plain -o a.age").exitCode == 0
    )
    for name in ["id", "0", "1", "2"] {
      #expect(try emeth("open", "-i", "\(name).txt", "a.age").output == "some text\n")
    }
    let stranger = SealingIdentity(using: &random)
    try scratch.writeIdentity(stranger, to: "stranger.txt")
    #expect(try emeth("open", "-i", "stranger.txt", "-i", "1.txt", "a.age").output == "some text\n")
    let refused = try emeth("open", "-i", "stranger.txt", "a.age", "--json")
    #expect(refused.exitCode == 1)
    #expect(try error(refused).code == "sealing.noMatch")
  }

  @Test func accountsOpenWithTheirKeyFile() throws {
    try scratch.writeKey(TestKeys.signer, to: "raw.key")
    try scratch.write("secret\n", to: "password")
    try #require(try emeth("new-key", "--out", "new.json", "--password-file", "password").exitCode == 0)
    let key = TestKeys.signer
    for epoch: UInt64 in [0, 7] {
      let recipient = key.sealingRecipient(epoch: epoch)
      try #require(try emeth("seal", "-r", "\(recipient)", "plain", "-o", "\(epoch).age").exitCode == 0)
    }
    let environment = ["EMETH_PRIVATE_KEY": key.withSecretBytes { Hex.encode($0) }]
    #expect(try emeth("open", "--key-file", "raw.key", "0.age").output == "some text\n")
    #expect(try emeth("open", "0.age", environment: environment).output == "some text\n")
    #expect(try emeth("open", "--key-file", "raw.key", "--epoch", "7", "7.age").output == "some text\n")
    #expect(try emeth("open", "-i", "id.txt", "--key-file", "raw.key", "0.age").output == "some text\n")
    #expect(try emeth("open", "--key-file", "raw.key", "7.age").exitCode == 1)

    struct PublicKeys: Decodable { var sealingKey: String }
    let shown = try emeth("show-key", "--key-file", "new.json", "--password-file", "password", "--json")
    let sealingKey = try shown.json(PublicKeys.self).sealingKey
    try #require(try emeth("seal", "-r", sealingKey, "plain", "-o", "c.age").exitCode == 0)
    let opened = try emeth("open", "--key-file", "new.json", "--password-file", "password", "c.age")
    #expect(opened.output == "some text\n")
  }

  @Test func withOutItCanSayWhatItWroteAsJSON() throws {
    struct Sealed: Decodable { var byteCount, out: String, recipients: [SealingRecipient] }
    struct Opened: Decodable { var byteCount, out: String }
    let sealed = try shell("$EMETH seal -r $R plain -o a.age --json").json(Sealed.self)
    #expect(sealed.byteCount == "10" && sealed.out == "a.age" && sealed.recipients == [recipient])
    let opened = try emeth("open", "-i", "id.txt", "a.age", "-o", "b", "--json").json(Opened.self)
    #expect(opened.byteCount == "10" && opened.out == "b")
    #expect(try scratch.read("b") == "some text\n")
    #expect(try emeth("open", "-i", "id.txt", "a.age", "--json").output == "some text\n")
  }

  /// To standard output goes what is genuine, chunk by chunk; to a file all or nothing.
  @Test func alteredAndCutFilesAreRefusedAtTheirByte() throws {
    try #require(
      try shell("seq 1 100000 | tee long | $EMETH seal -r $R -o good.age; wc -c < long").exitCode == 0)
    let plain = try Data(contentsOf: scratch.url.appending(path: "long"))
    let good = try Data(contentsOf: scratch.url.appending(path: "good.age"))
    let start = good.count - Int(try PayloadLayout(plainByteCount: UInt64(plain.count)).sealedByteCount)
    var altered = good
    altered[start + 2 * 65_552 + 100] ^= 1
    let cases: [(name: String, file: Data, genuine: Int, code: String, place: Int)] = [
      ("altered", altered, 2, "sealing.chunkAltered", start + 2 * 65_552),
      ("cut", good.prefix(start + 3 * 65_552), 3, "sealing.payloadCut", start + 3 * 65_552),
      ("short", good.prefix(start + 3 * 65_552 + 99), 3, "sealing.chunkAltered", start + 3 * 65_552),
      ("tiny", good.prefix(start + 9), 0, "sealing.payloadCut", start + 9),
    ]
    for test in cases {
      try test.file.write(to: scratch.url.appending(path: "bad.age"))
      let streamed = try shell(
        "$EMETH open -i id.txt bad.age > out; code=$?; mv out out.\(test.name); exit $code")
      #expect(streamed.exitCode == 1)
      #expect(streamed.errors.contains("byte \(test.place)"), "\(streamed.errors)")
      let written = try Data(contentsOf: scratch.url.appending(path: "out.\(test.name)"))
      #expect(written == plain.prefix(test.genuine * 65_536))
      let said =
        "the \(["0", "0", "131,072", "196,608"][test.genuine]) bytes before were written and are genuine"
      #expect(streamed.errors.contains(said) == (test.genuine > 0))

      try scratch.write("kept", to: "file")
      let whole = try emeth("open", "-i", "id.txt", "bad.age", "-o", "file", "--json")
      #expect(whole.exitCode == 1)
      #expect(try error(whole).code == test.code)
      #expect(try scratch.read("file") == "kept")
      #expect(try emeth("open", "-i", "id.txt", "bad.age", "-o", "new").exitCode == 1)
    }
    #expect(try scratch.names().filter { $0 == "new" || $0.hasPrefix(".") } == [])
  }

  @Test func whatIsNoSealedFileIsBadInput() throws {
    try #require(try shell("$EMETH seal -r $R plain -o good.age").exitCode == 0)
    let cases = [
      ("head -c 1G /dev/zero", "sealing.notSealed"), ("true", "sealing.headerCut"),
      ("head -c 40 good.age", "sealing.headerCut"), ("head -c 180 good.age", "sealing.headerCut"),
      ("sed s/X25519/X25519X/ good.age | sed 's/-> /->/'", "sealing.headerMalformed"),
      ("echo age-encryption.org/v7", "sealing.versionUnsupported"), ("yes ' '", "sealing.armor"),
      ("echo -----BEGIN", "sealing.armor"),
      ("(echo age-encryption.org/v1; yes -- '-> a')", "sealing.headerMalformed"),
      ("(echo age-encryption.org/v1; yes -- '-> a' | sed 's/$/\\n/')", "sealing.headerTooLong"),
    ]
    for (line, code) in cases {
      let result = try shell("\(line) 2>/dev/null | $EMETH open -i id.txt --json")
      #expect(result.exitCode == 3, "\(line)")
      #expect(try error(result).code == code, "\(line)")
    }
    let altered = try shell("sed 's/^--- A/--- B/;t;s/^--- ./--- A/' good.age | $EMETH open -i id.txt --json")
    #expect(altered.exitCode == 1)
    #expect(try error(altered).code == "sealing.headerAltered")
  }

  @Test func misuseIsToldBeforeAnythingIsRead() throws {
    try scratch.write("x", to: "bad.txt")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: scratch.path("bad.txt"))
    try scratch.write("ssh-ed25519 AAAA me\n", to: "ssh.pub")
    try #require(try shell("umask 077; $EMETH seal -r $R id.txt -o sealed.key").exitCode == 0)
    try scratch.write(try scratch.read("id.txt"), to: "shared.txt")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o644], ofItemAtPath: scratch.path("shared.txt"))
    let cases: [(line: String, exitCode: Int32, code: String)] = [
      ("seal plain", 2, "usage.contradiction"), ("seal -r age1abc plain", 2, "usage.valueNotAllowed"),
      ("seal -r ssh-ed25519 plain", 2, "usage.valueNotAllowed"),
      ("seal -r $R -R none plain", 4, "file.notFound"),
      ("seal -R bad.txt plain", 3, "sealing.recipientMalformed"),
      ("seal -R ssh.pub plain", 3, "sealing.recipientUnsupported"),
      ("seal -R /dev/null plain", 3, "sealing.noRecipients"),
      ("seal -r 0x\(String(repeating: "0", count: 64)) plain", 3, "sealing.recipientLowOrder"),
      ("seal -r $R none", 4, "file.notFound"), ("seal -r $R .", 3, "file.isFolder"),
      ("seal -r $R plain -o no/such", 4, "file.notFound"), ("seal -r $R plain -o .", 3, "file.isFolder"),
      ("seal -r $R plain plain", 2, "usage.tooManyArguments"), ("open plain", 2, "key.missing"),
      ("open -i none plain", 4, "file.notFound"), ("open -i bad.txt plain", 3, "sealing.identityMalformed"),
      ("open -i shared.txt plain", 3, "key.openPermissions"),
      ("open -i - < id.txt", 2, "usage.contradiction"),
      ("open -i id.txt --key-file -", 2, "usage.contradiction"),
      ("seal -R - -", 2, "usage.contradiction"),
      ("open -i sealed.key plain", 3, "sealing.identityUnsupported"),
      ("open -i id.txt --epoch 1 plain", 2, "usage.contradiction"),
      ("open -i id.txt --password-file plain plain", 2, "usage.contradiction"),
      ("open -i id.txt plain", 3, "sealing.notSealed"), ("open -i id.txt none", 4, "file.notFound"),
      ("open -i id.txt -o a -o b plain", 2, "usage.repeatedFlag"),
    ]
    for test in cases {
      let result = try shell("$EMETH \(test.line) --json")
      #expect(result.exitCode == test.exitCode, "\(test.line): \(result.errors)")
      #expect(try error(result).code == test.code, "\(test.line)")
    }
    #expect(
      try scratch.names().sorted() == ["bad.txt", "id.txt", "plain", "sealed.key", "shared.txt", "ssh.pub"])
  }

  @Test func devicesPipesAndReadersThatLeave() throws {
    #expect(try shell("$EMETH seal -r $R plain -o /dev/null && test -c /dev/null").exitCode == 0)
    let full = try shell("$EMETH seal -r $R plain -o /dev/full")
    #expect(full.exitCode == 4 && full.errors.contains("/dev/full"))
    let piped = try shell("mkfifo pipe; $EMETH seal -r $R plain -o pipe & $EMETH open -i id.txt < pipe; wait")
    #expect(piped.exitCode == 0 && piped.output == "some text\n")
    let left = try shell(
      "seq 1 2000000 2>&- | $EMETH seal -r $R | $EMETH open -i id.txt | head -n 1"
    )
    #expect(left.output == "1\n" && left.errors == "")
    // In place: the old file is read before the new one takes its name.
    #expect(
      try shell("$EMETH seal -r $R plain -o plain && $EMETH open -i id.txt plain -o plain").exitCode == 0)
    #expect(try scratch.read("plain") == "some text\n")
    let mode = try shell(
      "umask 077; $EMETH seal -r $R plain -o a; umask 022; $EMETH seal -r $R plain -o b; stat -c %a a b")
    #expect(mode.output == "600\n644\n")
  }

  /// Sealed data and data that is no text stay off a terminal.
  @Test(.enabled(if: Program.find("script") != nil, "no script, which makes terminals")) func terminals()
    throws
  {
    try #require(
      try shell("$EMETH seal -r $R plain -o a.age; printf 'a\\033[2J' | $EMETH seal -r $R -o b.age").exitCode
        == 0)
    func terminal(_ line: String) throws -> ProgramResult {
      try shell("script -qec \"\(line)\" /dev/null < /dev/null")
    }
    let refused = try terminal("$EMETH seal -r $R plain")
    #expect(
      refused.exitCode == 2 && refused.output.contains("is a terminal") && !refused.output.contains("X25519"))
    #expect(try terminal("$EMETH seal -a -r $R plain").output.contains("BEGIN AGE"))
    #expect(try terminal("$EMETH seal -o - -r $R plain").output.contains("X25519"))
    #expect(try terminal("$EMETH open -i id.txt a.age").output.contains("some text"))
    let hostile = try terminal("$EMETH open -i id.txt b.age")
    #expect(hostile.exitCode == 2 && !hostile.output.contains("\u{1B}["))
    #expect(try terminal("$EMETH open -o - -i id.txt b.age").output.contains("\u{1B}["))
  }
}

extension ScratchFolder {
  /// Writes an identity file that only its owner can read, as age-keygen does.
  func writeIdentity(_ identity: SealingIdentity, to name: String) throws {
    try write("# public key: \(identity.recipient)\n\(identity.secretText())\n", to: name)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path(name))
  }
}
