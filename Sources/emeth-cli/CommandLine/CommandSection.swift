/// The kind of user a command serves: the headings of the overview, in the order in which they are shown.
enum CommandSection: String, CaseIterable, Sendable {
  case wholeNetwork = "The whole network on this machine"
  case requester = "Jobs (for requesters)"
  case operators = "Servers, nodes and verifiers (for operators)"
  case verifier = "Checking (for everybody)"
  case keys = "Keys and tickets"
  case models = "Models and text"
  case program = "This program"
}
