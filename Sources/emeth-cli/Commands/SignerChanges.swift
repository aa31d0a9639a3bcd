import EmethKit

/// The changes of a Signer's key in a file: a list of them, one alone, or an object that has them beside the signer, as a
/// server's facts and a job's records do.
struct SignerChanges: Decodable {
  private struct Holder: Decodable {
    var signer: Address
    var signerChanges: [SignedSignerChange]?
  }

  private let changes: [SignedSignerChange]

  init(from decoder: any Decoder) throws {
    if let list = try? [SignedSignerChange](from: decoder) {
      changes = list
    } else if let one = try? SignedSignerChange(from: decoder) {
      changes = [one]
    } else {
      changes = try Holder(from: decoder).signerChanges ?? []
    }
  }

  /// What a file says; nil when the first Signer signs.
  ///
  /// - Throws: `CommandFailure` with exit code 3 for what can't be read, 1 for changes that do not follow from each other.
  static func schedule(in path: String) throws -> SignerSchedule? {
    let file = InputFile(path)
    let found = try JSONInput.decode(Self.self, from: JSONInput.parse(file).text, of: file)
    do throws(TicketError) {
      return try SignerSchedule(changes: found.changes)
    } catch {
      throw VerificationReport.failure("change of the Signer", error, in: file.name)
    }
  }
}
