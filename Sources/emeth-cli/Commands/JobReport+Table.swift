import EmethKit
import EmethNetwork

extension JobReport {
  /// Who earned what, who lost what, and why.
  func accountTable(for terminal: Terminal) -> String {
    var table = TextTable([
      .init("account"), .init("role"), .init("earned", .right), .init("lost", .right),
      .init("has now", .right),
      .init("why"),
    ])
    for account in accounts {
      table.add([
        "\(account.address)".prefix(10) + "…", "\(account.role) \(account.number)", account.earned.emethText,
        account.penalty.emethText, account.balance.emethText, why(account),
      ])
    }
    return table.text(for: terminal)
  }

  private func why(_ account: Account) -> String {
    let verified = subJobs.filter { $0.status == "VERIFIED" }
    switch account.role {
    case "node":
      let own = subJobs.filter { $0.node == account.number }
      let lost = own.filter { $0.status != "VERIFIED" && $0.status != "CANCELED" }
      return Self.count(verified.filter { $0.node == account.number }.count) + " VERIFIED"
        + lost.map { ", \($0.status) in round \($0.round + 1): \(Self.shortened($0.reason))" }.joined()
    case "requester": return "paid for \(Self.count(verified.count))"
    case "verifier" where account.penalty > .zero:
      return "verification fees; lost its bond for a false word"
    case "verifier": return "verification fees"
    case "aggregator": return account.penalty > .zero ? "lost its bond for a wrong sum" : "its bond, back"
    default: return "lost bonds, less what was paid from them"
    }
  }

  private static func count(_ subJobs: Int) -> String { "\(subJobs) SubJob\(subJobs == 1 ? "" : "s")" }

  /// A reason in which long hashes are cut to their first digits, so that it fits on a screen.
  static func shortened(_ reason: String) -> String {
    reason.split(separator: " ", omittingEmptySubsequences: false).map { word in
      word.hasPrefix("0x") && word.utf8.count > 20
        ? word.prefix(10) + "…" + (word.hasSuffix(",") ? "," : "") : word
    }.joined(separator: " ")
  }
}
