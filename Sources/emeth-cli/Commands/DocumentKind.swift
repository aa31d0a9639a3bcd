import EmethKit

/// A kind of JSON document that `emeth verify` checks.
///
/// A new kind is one static value with how it is recognised and checked, and one line in ``all``.
struct DocumentKind: Sendable {
  /// As reports call it, such as `signed ticket`.
  let name: String
  /// A member that no kind behind it in ``all`` has: an object with it is of this kind.
  let member: String
  /// Checks a document of this kind.
  ///
  /// Throws `CommandFailure`: exit code 1 for what does not hold, 3 for what can't be read.
  let check: @Sendable (DocumentInput, VerificationTerms) throws -> CheckedDocument

  /// All kinds; the first whose member an object has is the object's.
  static let all: [DocumentKind] = [
    .run, .batchConflict, .payoutConflict, .provenJob, .provenTicket, .ticket, .submission, .batch,
    .signerChange,
  ]

  /// The kind of a document.
  ///
  /// - Throws: `CommandFailure` with exit code 3 when it is none of these.
  static func find(for input: DocumentInput) throws(CommandFailure) -> DocumentKind {
    guard let kind = all.first(where: { input.json[$0.member] != nil }) else {
      throw CommandFailure(
        .badInput, code: "verify.unknown",
        "\(input.name) is nothing that can be verified: found JSON \(input.json.kind), allowed is a "
          + all.map(\.name).joined(separator: ", "))
    }
    return kind
  }
}

/// A document as it was read.
struct DocumentInput: Sendable {
  /// How messages call it: the file, and the place in it when there are several.
  let name: String
  let json: JSONValue
  let text: String

  /// The document as a value.
  ///
  /// A signature of a wrong form is an answer, not a fault of the file: exit code 1.
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    do {
      return try JSONInput.decode(type, from: text, named: name)
    } catch let failure as CommandFailure {
      throw Self.answered(failure)
    }
  }

  /// The document as a value that the library reads itself.
  func read<Value>(_ body: (JSONValue) throws(TicketError) -> Value) throws -> Value {
    do throws(TicketError) {
      return try body(json)
    } catch {
      throw Self.answered(
        CommandFailure(.badInput, code: error.code, "\(name): \(error.message)", hint: error.hint))
    }
  }

  private static func answered(_ failure: CommandFailure) -> CommandFailure {
    guard failure.report.code.hasPrefix("signature.") else { return failure }
    var report = failure.report
    report.exitCode = .no
    return CommandFailure(report)
  }

  /// Runs checks whose errors mean that the document does not verify.
  func check<Failure: EmethError>(
    _ kind: String, _ body: () throws(Failure) -> Void
  ) throws(CommandFailure) {
    do throws(Failure) {
      try body()
    } catch {
      throw VerificationReport.failure(kind, error, in: name)
    }
  }
}

/// A document that holds.
struct CheckedDocument: Sendable {
  let kind: String
  /// Everybody who signed; empty for a kind that nobody signs.
  let signers: [Address]
  /// The batch, when the document is one: batches that follow each other are checked as a chain.
  var batch: SignedBatch? = nil
  /// One line for everything that was checked; made only when it is shown.
  let checks: @Sendable () -> [String]
}
