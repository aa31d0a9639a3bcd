import EmethKit
import Foundation

/// A file of a job in the storage of the 2023 network: what its requester gives, or what its node gives back.
///
/// Each one that is given has a name of its own, and nobody writes to it once it is whole. Which of them counts the job says:
/// its `dataset` names the input, its `result` the output.
struct JobFile: Sendable, Hashable {
  enum Kind: String, Codable, Sendable, CaseIterable { case input, output }

  var kind: Kind
  var job: JobID
  /// Whose file it is.
  var giver: Address
  /// What tells it from other files of the job: 32 hexadecimal digits.
  var mark: String

  /// What a job calls it.
  var name: String { "\(kind.rawValue)/\(kind.rawValue)-\(job)-\(mark).zip" }

  /// Where it lies. The giver is part of it: a name that somebody else has put into his own job leads nowhere.
  var key: String { "\(kind.rawValue)/\(giver)/\(job)-\(mark).zip" }

  /// A new one.
  init(_ kind: Kind, of job: JobID, from giver: Address) {
    (self.kind, self.job, self.giver) = (kind, job, giver)
    mark = Self.secret()
  }

  /// The one with this content, whoever gives it.
  init(_ kind: Kind, of job: JobID, from giver: Address, contentHash: Bytes32) {
    (self.kind, self.job, self.giver) = (kind, job, giver)
    mark = Hex.encode(contentHash.bytes.prefix(16), prefixed: false)
  }

  /// The file that a job calls so, when it was this account that gave it; nil for what is no such name.
  init?(name: String, giver: Address) {
    let words = name.split(separator: "/", omittingEmptySubsequences: false)
    guard words.count == 2, let kind = Kind(rawValue: String(words[0])),
      words[1].hasPrefix("\(kind.rawValue)-")
    else { return nil }
    self.init(kind, giver, words[1].dropFirst(kind.rawValue.count + 1))
    guard self.name == name else { return nil }
  }

  /// The file that lies there; nil for what is no such key.
  init?(key: String) {
    let words = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard words.count == 3, let kind = Kind(rawValue: words[0]), let giver = try? Address(words[1]) else {
      return nil
    }
    self.init(kind, giver, words[2][...])
    guard self.key == key else { return nil }
  }

  private init?(_ kind: Kind, _ giver: Address, _ file: Substring) {
    let words = file.split(separator: "-", omittingEmptySubsequences: false)
    guard words.count == 2, words[1].hasSuffix(".zip"), let job = try? JobID(hex: String(words[0])) else {
      return nil
    }
    let mark = String(words[1].dropLast(4))
    guard mark.utf8.count == 32, mark.allSatisfy({ $0.isHexDigit && !$0.isUppercase && $0.isASCII }) else {
      return nil
    }
    (self.kind, self.job, self.giver, self.mark) = (kind, job, giver, mark)
  }

  /// The file that a job's text names, with or without the hash of what is in it (``JobFileReference``).
  init?(reference text: String, giver: Address) {
    self.init(name: String(text.prefix { $0 != "#" }), giver: giver)
  }

  /// 128 bits that nobody guesses, in hexadecimal digits.
  static func secret() -> String {
    var random = SystemRandomNumberGenerator()
    return Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }, prefixed: false)
  }
}
