import EmethKit

/// Everything that pages say, in all languages: Phrase+Table.swift has the words.
enum Phrase: CaseIterable, Sendable {
  case navigation, network, batches, skip, search, searchLabel, searchHint, footer, asOf, live, notLive,
    pages, firstPage, nextPage, nextAccounts, firstAccounts
  case ago, seconds, minutes, hours, days
  case networkTitle, networkLead, jobs, jobsWaiting, jobsRunning, jobsVerified, subJobs, epochs,
    jobsCaption, noJobs, nothingYet, filterByStatus, allStatuses, ofRequester, showAll, slots,
    slotsCaption, slot, granted, burned, latestBatch
  case result, resultSealed, resultAwaitsSealing, resultAsItIs
  case job, jobTitle, dataSet, status, progress, roundsDone, requester, registered, deadline, program,
    model, parametersCount, size, roundsByParts, fuelLimit, fuelPrice, gholonPerFuel, escrow, escrowLeft,
    validationLoss, trainingLoss, clipped, lossTitle, optimizerSteps, natsPerToken, training, validation,
    rounds, roundsCaption, round, roundOf, previousRound, nextRound, subJobsVerified, subJobsOf,
    subJobsByStatus, partsCaption, noSubJobs, part, parts, attempt, node, checkedBy, earned, lost,
    pending, reason, accepted, rejected, silent, segmentsReplayed
  case waitDraw, waitReveal, waitOpening, waitVerdict, waitSum
  case cohorts, cohortsNote, cohortsCaption, cohort, sum, findings, sumHolds, sumInCheck, sumAwaited,
    wrongSums, otherMasked
  case account, accountTitle, unspent, locked, payout, balancesNote, workTitle, workCaption,
    verifierTitle, standing, canBeDrawn, struck, bond, commitments, unusedOf, bindingUntil, verifierNote,
    tickets, ticketsNote, ticketsCaption, noTickets, jobsOfAccount, allJobsOfAccount, showAndCheck
  case batch, ticket, batchTitle, ticketTitle, ticketLead, batchesLead, batchesCaption, noBatches, epoch,
    closed, began, totalGranted, totalBurned, digest, depositsSeen, signer, accountsRoot, previousBatch,
    dataHash, jobsRoot, leaves, leavesNote, leavesCaption, signedBatch, batchBefore, signedTicket,
    ticketWithProof, documentNote, provenElsewhere, provenInNewest, provenInPosted
  case check, checkNote, verify, serverWillCheck, holds, doesNotHold, allHoldHere, someFailHere,
    allHoldServer, someFailServer, stepTicketDigest, stepTicketSigner, stepBatchDigest, stepBatchSigner,
    stepTicketInBatch, stepBatchBefore, stepNothingFell
  case notFoundTitle, notFoundText, badRequestTitle, badRequestText, tooManyTitle, tooManyText,
    failedTitle, failedText, backToNetwork
  case requested, processing, submitted, verified, canceled, timeout, failed, declined
  case endAccepted, endProved, endVerifiersSilent, endNobodyToCheck, endCanceledByRequester, endParentEnded,
    endNobodyTookIt, endDeadlineReached, endLeaseLapsed, endAbsentFromCohort, endDeclined,
    endDeclinedWithEvidence, endRejected, endOpeningsWithheld, endRoundsComplete, endAttemptsUsedUp

  /// The words in a language; `%1`, `%2` … stand for values.
  func text(in language: PageLanguage) -> String {
    switch language {
    case .english: texts.english
    case .japanese: texts.japanese
    }
  }
}

extension Phrase {
  init(_ status: JobStatus) {
    self =
      switch status {
      case .requested: .requested
      case .processing: .processing
      case .submitted: .submitted
      case .verified: .verified
      case .canceled: .canceled
      case .timeout: .timeout
      case .failed: .failed
      case .declined: .declined
      }
  }

  init(_ reason: JobEndReason) {
    self =
      switch reason {
      case .accepted: .endAccepted
      case .proved: .endProved
      case .verifiersSilent: .endVerifiersSilent
      case .nobodyToCheck: .endNobodyToCheck
      case .canceledByRequester: .endCanceledByRequester
      case .parentEnded: .endParentEnded
      case .nobodyTookIt: .endNobodyTookIt
      case .deadlineReached: .endDeadlineReached
      case .leaseLapsed: .endLeaseLapsed
      case .absentFromCohort: .endAbsentFromCohort
      case .declined: .endDeclined
      case .declinedWithEvidence: .endDeclinedWithEvidence
      case .rejected: .endRejected
      case .openingsWithheld: .endOpeningsWithheld
      case .roundsComplete: .endRoundsComplete
      case .attemptsUsedUp: .endAttemptsUsedUp
      }
  }

  init(_ wait: SubJobDetail.Wait) {
    self =
      switch wait {
      case .draw: .waitDraw
      case .reveal: .waitReveal
      case .opening: .waitOpening
      case .verdict: .waitVerdict
      case .sum: .waitSum
      }
  }

  init(_ step: PageCheck.Step) {
    self =
      switch step {
      case .ticketDigest: .stepTicketDigest
      case .ticketSigner: .stepTicketSigner
      case .batchDigest: .stepBatchDigest
      case .batchSigner: .stepBatchSigner
      case .ticketInBatch: .stepTicketInBatch
      case .batchBefore: .stepBatchBefore
      case .nothingFell: .stepNothingFell
      }
  }
}
