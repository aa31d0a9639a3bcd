import EmethKit

/// How many segments of a SubJob the verifier replays: `--check-segments k|all`.
enum SegmentCheck: Equatable, Sendable, CustomStringConvertible {
  /// So many drawn segments and always the last.
  case drawn(Int)
  case all

  var description: String {
    switch self {
    case .drawn(let count): "\(count)"
    case .all: "all"
    }
  }
}

extension ValueType where Value == SegmentCheck {
  static var segmentCheck: Self {
    let allowed = "1...65536 or all"
    return Self(name: "K", allowed: allowed, completion: .choices(["1", "2", "4", "8", "all"])) {
      text throws(ValueRefusal) in
      if text == "all" { return .all }
      guard let count = Int(text), !text.hasPrefix("+") else { throw ValueRefusal(allowed: allowed) }
      guard (1...65_536).contains(count) else { throw ValueRefusal(allowed: allowed, isOutOfRange: true) }
      return .drawn(count)
    }
  }
}

/// A node that misbehaves on purpose: `--fault KIND@NODE`.
struct FaultChoice: Equatable, Sendable {
  enum Kind: String, CaseIterable, Sendable {
    case skipSteps = "skip-steps"
    case otherData = "other-data"
    case swappedFinal = "swapped-final"
    case stall
  }

  var kind: Kind
  /// Which node, counted from 1.
  var node: Int
}

extension ValueType where Value == FaultChoice {
  static var fault: Self {
    let kinds = FaultChoice.Kind.allCases.map(\.rawValue)
    let allowed = "KIND@NODE, KIND one of \(kinds.joined(separator: ", ")), NODE from 1 to --nodes"
    let examples = kinds.map { "\($0)@1" }
    return Self(name: "KIND@NODE", allowed: allowed, completion: .choices(examples)) {
      text throws(ValueRefusal) in
      let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
      guard let kind = parts.first.flatMap(FaultChoice.Kind.init(rawValue:)) else {
        let nearest = Suggestion.nearest(to: parts.first ?? "", among: kinds).first
        let node = parts.count == 2 ? parts[1] : "1"
        throw ValueRefusal(allowed: allowed, nearest: nearest.map { "\($0)@\(node)" })
      }
      guard parts.count == 2, let node = Int(parts[1]), (1...64).contains(node) else {
        throw ValueRefusal(allowed: allowed)
      }
      return FaultChoice(kind: kind, node: node)
    }
  }
}

/// A job named by its id or by the beginning of it, at least four hexadecimal digits.
struct JobReference: Equatable, Sendable, CustomStringConvertible {
  /// Lower-case digits without `0x`, 4 to 32 of them.
  let prefix: String

  /// Whether this names the job.
  func matches(_ id: JobID) -> Bool {
    Hex.encode(id.bytes, prefixed: false).hasPrefix(prefix)
  }

  /// The whole id, when all of it was given.
  var jobID: JobID? { prefix.count == 32 ? try? JobID(hex: prefix) : nil }

  var description: String { "0x" + prefix }
}

extension ValueType where Value == JobReference {
  static var job: Self {
    let allowed = "a job's id, or at least its first 4 hexadecimal digits"
    return Self(name: "JOB", allowed: allowed) { text throws(ValueRefusal) in
      let digits = (text.hasPrefix("0x") ? String(text.dropFirst(2)) : text).lowercased()
      guard (4...32).contains(digits.utf8.count),
        digits.utf8.allSatisfy({ byte in
          (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
        })
      else { throw ValueRefusal(allowed: allowed) }
      return JobReference(prefix: digits)
    }
  }
}
